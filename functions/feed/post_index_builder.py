"""Builds the post index from a history of the network and the scores of its posts by country."""

import numpy as np
from numpy.typing import NDArray

from functions.feed.post_index import PostIndex
from shared.clock import DAY_HOURS, decay, epoch_hours
from shared.columns import Float32Array, FloatArray
from shared.countries import UNKNOWN_COUNTRY
from shared.ranking.chains import RepostChains
from shared.ranking.counters import RELATIONS
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import READ, History


def build_post_index(
    scores: CountryScores,
    chains: RepostChains,
    item_factors: Float32Array,
    text_embeddings: NDArray[np.int8],
    quality: FloatArray,
    base_country: int,
) -> PostIndex:
    """Every post of a history, in its order, oldest first.

    scores           of all posts of the history
    chains           of the same posts
    item_factors     (n_posts, d) rows of length 1 or 0
    text_embeddings  (n_posts, m)
    quality          (n_posts,) factor of the upstream filter, above 0
    base_country     index into COUNTRIES: its ranker answers for countries without one
    """
    history, posts = scores.history, scores.history.posts
    first = np.unique(posts.author, return_index=True)[1]
    engagements = np.bincount(history.engagements.post, minlength=len(posts)).astype(np.float64)
    countries = [UNKNOWN_COUNTRY, *scores.countries_with_profile()]
    by_relation = scores.by_relation(base_country)
    return PostIndex(
        ids=posts.ids,
        created=posts.created + epoch_hours(history.now),
        author=posts.author.astype(np.int32),
        author_ids=posts.author_ids[first],
        language=posts.language.astype(np.int16),
        topic_start=scores.counters.topic_start.astype(np.int32),
        topic=posts.topic.astype(np.int32),
        topic_keys=posts.topic_keys,
        popularity=engagements.astype(np.float32),
        reads=recent_reads(history).astype(np.float32),
        item_factors=item_factors.astype(np.float16),
        text_embeddings=text_embeddings,
        quality=quality.astype(np.float32),
        characters=posts.characters.astype(np.int32),
        canonical_id=chains.root,
        visible=chains.visible,
        chain_start=chains.start.astype(np.int32),
        chain_posts=chains.posts,
        chain_authors=chains.authors,
        owner=chains.owner,
        chain_owners=chains.owners,
        countries=np.array(countries, np.int16),
        logits=np.array([scores.of(country) for country in countries]).astype(np.float16),
        by_relation=by_relation.astype(np.float16),
        line=fit_line(scores.decay.logits(engagements, -posts.created), by_relation[RELATIONS]),
        decay=np.array([scores.decay.half_life_hours, scores.decay.floor]),
    )


def recent_reads(history: History) -> FloatArray:
    """(n_posts,) reads of each post until the moment of the history, each halved every 24 hours [count]."""
    reads = history.impressions.where(history.impressions.kind == READ)
    return np.asarray(np.bincount(reads.post, decay(-reads.at, DAY_HOURS), len(history.posts)), np.float64)


def fit_line(x: FloatArray, y: FloatArray) -> FloatArray:
    """(2,) slope and intercept of the least-squares line through points, (n,) both; 1 and 0 where none can be fitted.

    >>> fit_line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])).round(6).tolist()
    [2.0, 1.0]
    """
    if len(x) < 2 or np.ptp(x) == 0:
        return np.array([1.0, 0.0])
    return np.asarray(np.polyfit(x, y, 1))
