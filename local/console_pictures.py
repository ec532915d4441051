"""Pictures of pages of the console, as a browser shows them to a member of a role."""

import shutil
from collections.abc import Iterator, Mapping
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
QUALITY = 60  # of JPEG, 0..100
NEEDED = "pictures of the console need a browser: make browser"

# The pages that docs/console.md shows, by the name of the picture: the path of the route, and whose eyes.
PICTURES: Mapping[str, tuple[str, Role]] = {
    "today": ("/console", "operator"),
    "why": ("/console/feeds/{country}/{post}", "viewer"),
    "model": ("/console/models/{family}/{key}", "operator"),
    "suspects": ("/console/suspects", "moderator"),
    "topics": ("/console/topics", "lead"),
}


def take(store: Store, folder: Path, names: list[str]) -> list[Path]:
    """Write a JPEG of each of these pages into the folder; BadConfig where there is no browser."""
    handler = import_module("console.handlers.serve_console").handler
    found, files = paths(store), []
    folder.mkdir(parents=True, exist_ok=True)
    with Listener() as listener, serving(handler, listener) as address, _browser() as browser:
        for name in names:
            route, role = PICTURES[name]
            with browser.new_context(viewport=SIZE, locale="en-GB", timezone_id="UTC") as context:
                page = context.new_page()
                page.goto(address + login_path(store, role))
                page.goto(address + found[route])
                page.evaluate("document.fonts.ready.then(() => null)")
                file = folder / f"{name}.jpg"
                page.screenshot(path=file, type="jpeg", quality=QUALITY)
                files.append(file)
    return files


@contextmanager
def _browser() -> Iterator[Any]:
    """Chromium without a window."""
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
