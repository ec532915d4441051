"""Pictures of pages of the console, as a browser shows them to a member of a role."""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from console.rights import Role
from local.console_pages import paths
from local.dev import login_path
from local.http import Listener, serving
from shared.errors import BadConfig
from shared.store import Store

SIZE = {"width": 1100, "height": 760}  # of the window [px]
NEEDED = "pictures of the console need a browser: make browser"

# The pages that docs/console.md shows, by the name of the picture: the path of the route, and whose eyes.
PICTURES: Mapping[str, tuple[str, Role]] = {
    "today": ("/console", "operator"),
    "why": ("/console/feeds/{country}/{post}", "viewer"),
    "model": ("/console/models/{family}/{key}", "operator"),
    "topics": ("/console/topics", "lead"),
}


def take(store: Store, browser: Any, folder: Path, names: Iterable[str]) -> list[Path]:
    """Write a PNG of each of these pages into the folder.

    browser  of playwright, as `launched` gives it
    """
    handler = import_module("console.handlers.serve_console").handler
    addresses, files = paths(store), []
    folder.mkdir(parents=True, exist_ok=True)
    with Listener() as listener, serving(handler, listener) as address:
        for name in names:
            route, role = PICTURES[name]
            with browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="UTC") as context:
                page = context.new_page()
                page.goto(address + login_path(store, role))
                page.goto(address + addresses[route])
                page.evaluate("document.fonts.ready.then(() => null)")
                files.append(folder / f"{name}.png")
                page.screenshot(path=files[-1])
    return files


@contextmanager
def launched() -> Iterator[Any]:
    """Chromium without a window; BadConfig where it, or what drives it, is missing."""
    chromium = shutil.which("chromium")
    try:
        playwright = import_module("playwright.sync_api").sync_playwright
    except ModuleNotFoundError:
        playwright = None
    if chromium is None or playwright is None:
        raise BadConfig(NEEDED)
    with playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()
