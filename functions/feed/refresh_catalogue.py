"""The catalogue of posts that members' feeds are ranked from."""

from datetime import datetime

import numpy as np

from functions.feed.alike import Alike
from functions.feed.catalogue import FINGERPRINT, NAME, Catalogue
from shared.artifacts import Registry, Snapshots
from shared.config import Coldstart, Members
from shared.network.counters import DAY_HOURS, Counters
from shared.network.countries import COUNTRIES
from shared.network.history import read_history
from shared.network.margins import Margins
from shared.network.quality import quality
from shared.network.ranker import Rankers
from shared.report import Report
from shared.store import Store
from shared.store.columns import id_keys


def run(
    store: Store, registry: Registry, snapshots: Snapshots, options: Coldstart, members: Members, *, now: datetime
) -> Report:
    """Describe every published post of the window as of now, and publish all of it in one step."""
    with store.leases.hold("refresh_catalogue"):
        live = snapshots.head(NAME)
        if live is not None and live.at > now:
            return Report.late()
        history = read_history(store, options, now=now, with_exposures=True)
        posts, rankers = history.posts, Rankers(registry)
        margins = Margins(history, Counters(history), np.arange(len(posts)), rankers, options)
        base = COUNTRIES.index(options.base_country)
        directions = Alike(history, members.recent_posts, DAY_HOURS).posts_now()
        catalogue = Catalogue.of(margins, directions, quality(store.posts.quality(), id_keys(posts.ids)), base)
        size = snapshots.publish(NAME, catalogue.arrays(), FINGERPRINT, at=now)
    return Report(len(posts), len(posts), details={"kilobytes": size // 1000, "refused_models": len(rankers.refused)})
