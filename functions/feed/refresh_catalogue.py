"""Publishes the post index that accounts' feeds are ranked from."""

from collections.abc import Iterable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from functions.feed.item_embeddings import RECENT_POSTS, ItemEmbeddings
from functions.feed.options import Members
from functions.feed.post_index import FINGERPRINT, NAME
from functions.feed.post_index_builder import build_post_index
from shared.artifacts import Registry
from shared.artifacts.snapshots import Snapshots
from shared.clock import DAY_HOURS
from shared.columns import Float32Array, IdArray, KeyArray, id_keys, lookup
from shared.countries import COUNTRIES
from shared.ranking.chains import read_repost_chains
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import read_history
from shared.ranking.options import Coldstart
from shared.ranking.quality import quality
from shared.report import Report
from shared.store import Store, schema
from shared.text.vectors import EMBEDDING_SIZE

PROJECTION_SIZE = 64  # numbers of a text embedding in the index
_SCALE = 32  # of a projected number 1 in the index


def run(
    store: Store, registry: Registry, snapshots: Snapshots, options: Coldstart, members: Members, *, now: datetime
) -> Report:
    """Build the index of every published post of the window, as of now, and publish it in one step."""
    with store.leases.hold("refresh_catalogue"):
        live, refused = snapshots.live(NAME, now=now)
        if live is not None and live.at > now:
            return Report.late()
        erased = store.tombstones.state()
        history = read_history(store, options, now=now, with_exposures=True)
        posts, rankers = history.posts, Rankers(registry)
        scores = CountryScores(history, Counters(history), np.arange(len(posts)), rankers, options)
        base_country = COUNTRIES.index(options.base_country)
        item_factors = ItemEmbeddings(history, RECENT_POSTS, DAY_HOURS).item_factors_now()
        text_embeddings = random_projection(store.posts.text_embeddings(), id_keys(posts.ids))
        chains, factor = read_repost_chains(store, posts), quality(store.posts.quality(), id_keys(posts.ids))
        post_index = build_post_index(scores, chains, item_factors, text_embeddings, factor, base_country)
        size = snapshots.publish(NAME, post_index.arrays(), FINGERPRINT, at=now)
        store.erasures.keep_rebuilt(schema.SNAPSHOTS, erased, at=now)
    refused += rankers.refused
    return Report(len(posts), len(posts), details={"kilobytes": size // 1000, "refused_models": len(refused)})


def random_projection(text_embeddings: Iterable[tuple[IdArray, Float32Array]], posts: KeyArray) -> NDArray[np.int8]:
    """(n_posts, PROJECTION_SIZE) text embeddings, projected on random lines and rounded; 0 where a post has none.

    Cosines change by about 1/8 (Johnson and Lindenstrauss 1984), and the size is a sixteenth.

    text_embeddings  batches of ids, (n,), and embeddings, (n, EMBEDDING_SIZE)
    posts            (n_posts,) keys of the ids
    """
    lines = np.random.default_rng(0).standard_normal((EMBEDDING_SIZE, PROJECTION_SIZE)).astype(np.float32)
    projected = np.zeros((len(posts), PROJECTION_SIZE), np.int8)
    for ids, embeddings in text_embeddings:
        positions = lookup(id_keys(ids), posts)
        values = np.clip(np.round(embeddings @ lines * _SCALE), -127, 127)
        projected[positions[positions >= 0]] = values[positions >= 0]
    return projected
