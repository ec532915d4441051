"""A path of each page of the console that has something to show, on the databases at hand."""

from urllib.parse import urlencode

from console import assets
from console.app import ROUTES
from shared.store import Store

# The fields of queries without which a route has nothing to show, beside the segments of its path.
QUERIES = {"/console/models/{family}/{key}/compare": ("left", "right")}


def paths(store: Store) -> dict[str, str]:
    """By the path of each route with GET, a path that it answers with what the databases hold."""
    version = store.analytics.artifactVersions.find_one({}, {"family": 1, "account": 1, "version": 1}) or {}
    row = store.app.guestfeeditems.find_one({"countryCode": "th"}, {"content": 1}) or {}
    run = store.analytics.jobRuns.find_one({}, {"function": 1}) or {}
    values = {
        "country": "th",
        "post": row.get("content", "none"),
        "family": version.get("family", "none"),
        "key": version.get("account", "none"),
        "left": version.get("version", "none"),
        "right": version.get("version", "none"),
        "name": run.get("function", "none"),
        "file": assets.address("console.css").removeprefix(assets.PATH),
    }
    found = {}
    for route in ROUTES:
        if route.method == "GET":
            query = urlencode({name: values[name] for name in QUERIES.get(route.path, ())})
            found[route.path] = route.path.format_map(values) + (f"?{query}" if query else "")
    return found
