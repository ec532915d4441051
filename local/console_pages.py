"""A path of each page of the console that has something to show, on the databases at hand."""

from collections.abc import Mapping
from urllib.parse import urlencode

from console import assets
from console.app import ROUTES
from console.store.parked import reason_key
from console.views.changes import address_of, address_of_one
from shared.documents import Document
from shared.store import Store

# The fields of queries without which a route has nothing to show, beside the segments of its path.
QUERIES: Mapping[str, tuple[str, ...]] = {
    "/console/models/{family}/{key}/compare": ("left", "right"),
    "/console/models/{family}/{key}/rankings": ("left", "right"),
    "/console/models/{family}/{key}/effect": ("version",),
}


def a_version(store: Store) -> Document:
    """A version of a model that is not an account's; empty where there is none."""
    kept = store.analytics.artifactVersions
    families, whole = ("country", "global", "topics"), {"artifact": {"$exists": True}}
    by_family = (kept.find_one({"family": family} | whole, {"artifact": 0}) for family in families)
    return next(filter(None, by_family), {})


def paths(store: Store) -> dict[str, str]:
    """By the path of each route with GET, a path that it answers with what the databases hold."""
    version = a_version(store)
    row = store.app.guestfeeditems.find_one({"countryCode": "th"}, {"content": 1}) or {}
    topic = store.analytics.topics.find_one({"posts": {"$exists": True}}, {"_id": 1}) or {}
    run = store.analytics.jobRuns.find_one({}, {"function": 1}) or {}
    values = {
        "country": "th",
        "post": row.get("content", "none"),
        "family": version.get("family", "none"),
        "key": version.get("account", "none"),
        "left": version.get("version", "none"),
        "right": version.get("version", "none"),
        "version": version.get("version", "none"),
        "name": run.get("function", "none"),
        "topic": topic.get("_id", "none"),
        "file": assets.address("console.css").removeprefix(assets.PATH),
    }
    addresses = {}
    for route in ROUTES:
        if route.method == "GET":
            query = urlencode({name: values[name] for name in QUERIES.get(route.path, ())})
            addresses[route.path] = route.path.format_map(values) + (f"?{query}" if query else "")
    parked = store.analytics.parkedChanges.find_one({}, {"function": 1, "reason": 1}) or {}
    return addresses | {
        "/console/changes/reason": address_of(reason_key(str(parked.get("function")), str(parked.get("reason")))),
        "/console/changes/parked/{key}": address_of_one(str(parked.get("_id"))),
    }
