"""The catalogue of posts that members' feeds are ranked from."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from functions.feed.item_embeddings import ItemEmbeddings
from functions.feed.post_index import FINGERPRINT, NAME, PostIndex
from shared.artifacts import Registry, Snapshots
from shared.clock import DAY_HOURS
from shared.columns import id_keys, lookup
from shared.config import Coldstart, Members
from shared.countries import COUNTRIES
from shared.ranking.chains import read_repost_chains
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import read_history
from shared.ranking.quality import quality
from shared.report import Report
from shared.store import Store, schema
from shared.text.vectors import EMBEDDING_SIZE

SMALL = 64  # numbers that a meaning is kept in here


def run(
    store: Store, registry: Registry, snapshots: Snapshots, options: Coldstart, members: Members, *, now: datetime
) -> Report:
    """Describe every published post of the window as of now, and publish all of it in one step."""
    with store.leases.hold("refresh_catalogue"):
        live, refused = snapshots.live(NAME, now=now)
        if live is not None and live.at > now:
            return Report.late()
        erased = store.tombstones.state()
        history = read_history(store, options, now=now, with_exposures=True)
        posts, rankers = history.posts, Rankers(registry)
        logits = CountryScores(history, Counters(history), np.arange(len(posts)), rankers, options)
        base = COUNTRIES.index(options.base_country)
        item_factors = ItemEmbeddings(history, members.recent_posts, DAY_HOURS).posts_now()
        text_embeddings = random_projection(store.posts.text_embeddings(), id_keys(posts.ids))
        chains, factor = read_repost_chains(store, posts), quality(store.posts.quality(), id_keys(posts.ids))
        post_index = PostIndex.of(logits, chains, item_factors, text_embeddings, factor, base)
        size = snapshots.publish(NAME, post_index.arrays(), FINGERPRINT, at=now)
        store.erasures.keep_rebuilt(schema.SNAPSHOTS, erased, at=now)
    refused += rankers.refused
    return Report(len(posts), len(posts), details={"kilobytes": size // 1000, "refused_models": len(refused)})


def random_projection(
    text_embeddings: Iterable[tuple[NDArray[np.void], NDArray[np.float32]]], posts: NDArray[np.uint64]
) -> NDArray[np.int8]:
    """(n_posts, SMALL) the meaning of each post, as its sums along random lines; 0 where it is not known.

    Two that are close stay close, to about an eighth (Johnson and Lindenstrauss 1984), at a sixteenth of the size.
    """
    lines = np.random.default_rng(0).standard_normal((EMBEDDING_SIZE, SMALL)).astype(np.float32)
    small = np.zeros((len(posts), SMALL), np.int8)
    for contents, vectors in text_embeddings:
        at = lookup(id_keys(contents), posts)
        sums = vectors @ lines
        small[at[at >= 0]] = np.clip(np.round(sums * 32), -127, 127)[at >= 0]
    return small
