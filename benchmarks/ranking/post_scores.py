"""Scores of every post of a network: by rules that need no model, and by the country rankers."""

import numpy as np

from benchmarks.bench_database import BenchDatabase
from shared.artifacts import Registry
from shared.clock import DAY_HOURS
from shared.columns import FloatArray, IntArray
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import History
from shared.ranking.options import Coldstart

BASELINE = "popularity x decay"


def baselines(history: History, rng: np.random.Generator) -> dict[str, FloatArray]:
    """(n_posts,) scores by rule, higher first; a day halves the decayed popularity."""
    posts = history.posts
    popularity = np.bincount(history.engagements.post, minlength=len(posts)).astype(np.float64)
    decayed = (popularity + 1) * 0.5 ** (-posts.created / DAY_HOURS)
    return {"random": rng.random(len(posts)), "recency": posts.created, "popularity": popularity, BASELINE: decayed}


def country_logits(bench: BenchDatabase, history: History, countries: IntArray) -> tuple[FloatArray, dict[str, int]]:
    """Score posts as `build_guest_feed` does before it looks at a post's quality, language and author.

    Returns (n_countries, n_posts) logits, and the number of countries that each kind of model answered for.
    """
    rankers = Rankers(Registry(bench.store.analytics, bench.settings.artifact_keys))
    every_post = np.arange(len(history.posts))
    scores = CountryScores(history, Counters(history), every_post, rankers, bench.settings.options.of(Coldstart))
    answered: dict[str, int] = {}
    for country in countries.tolist():
        ranker = scores.ranker_of(country)
        key = COUNTRIES[country] if country != UNKNOWN_COUNTRY else "nobody's"
        name = "its own" if ranker.name == key else {"all": "of all countries"}.get(ranker.name, ranker.name)
        answered[name] = answered.get(name, 0) + 1
    return np.array([scores.of(country) for country in countries.tolist()]), answered
