"""The rankers that are compared: rules, two libraries, the country rankers, the personal rankers, and the oracle."""

import warnings
from collections.abc import Mapping

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender
from threadpoolctl import threadpool_limits

from benchmarks.ranking.evaluation import Evaluation, Score
from benchmarks.ranking.oracle import engagement_rates
from benchmarks.ranking.post_scores import BASELINE, baselines, country_logits
from functions.feed.feed_ranker import FeedRanker
from functions.feed.options import Members
from local.world.ids import Identities
from shared.artifacts import Registry
from shared.artifacts.snapshots import Snapshots
from shared.columns import FloatArray, id_array, id_keys, lookup, object_ids
from shared.ml import ranking
from shared.ranking.counters import Counters
from shared.ranking.decay import PopularityDecay
from shared.ranking.half_life import estimate_decay
from shared.ranking.options import Coldstart

FACTORS, REGULARIZATION, ALPHA, ITERATIONS, NEIGHBOURS = 32, 0.1, 2.0, 15, 100  # of the libraries
PERSONAL_RANKER, COUNTRY_RANKER, ORACLE = "personal", "country", "oracle"
ITEM_TO_ITEM, FACTORISATION = "item to item (implicit, BM25)", "matrix factorisation (implicit, ALS)"
LIBRARIES = (ITEM_TO_ITEM, FACTORISATION)
OWN_HALF_LIFE, PLANTED_HALF_LIFE = f"{BASELINE}, own half-life", f"{BASELINE}, planted half-life"
HINDSIGHT = f"{BASELINE}, best half-life in hindsight"


def by_rule(name: str) -> Score:
    """One of the baselines, by its name."""

    def score(evaluation: Evaluation) -> FloatArray:
        scores = baselines(evaluation.history, np.random.default_rng(evaluation.seed))[name]
        return scores[evaluation.queries.posts]

    return score


def by_popularity(decay: PopularityDecay) -> Score:
    """Popularity with exponential decay, without the floor that never fades."""
    exponential = PopularityDecay(decay.half_life_hours)

    def score(evaluation: Evaluation) -> FloatArray:
        posts = evaluation.history.posts
        popularity = np.bincount(evaluation.history.engagements.post, minlength=len(posts)).astype(np.float64)
        return exponential.logits(popularity, -posts.created)[evaluation.queries.posts]

    return score


def by_own_half_life(evaluation: Evaluation) -> FloatArray:
    """Decayed popularity with the half-life that is estimated from the history."""
    options = evaluation.bench.settings.options.of(Coldstart)
    return by_popularity(estimate_decay(evaluation.history, Counters(evaluation.history), options))(evaluation)


def by_hindsight(evaluation: Evaluation) -> FloatArray:
    """Decayed popularity with the half-life that has the best NDCG@10 on these very queries: an upper bound."""
    half_lives = np.geomspace(2.0, 768.0, 20).tolist()  # [h]
    scores = [by_popularity(PopularityDecay(half_life))(evaluation) for half_life in half_lives]
    return max(scores, key=lambda values: float(ranking.ndcg(values, evaluation.queries.relevant).mean()))


def by_country(evaluation: Evaluation) -> FloatArray:
    """The country rankers, which order guests' feeds."""
    countries = np.unique(evaluation.queries.country)
    logits, _ = country_logits(evaluation.bench, evaluation.history, countries)
    return logits[np.searchsorted(countries, evaluation.queries.country)[:, None], evaluation.queries.posts]


def by_account(evaluation: Evaluation) -> FloatArray:
    """The personal rankers as `rank_contents` applies them, account by account."""
    settings, store = evaluation.bench.settings, evaluation.bench.store
    keys = settings.artifact_keys
    feed_ranker = FeedRanker(
        store, Registry(store.analytics, keys), Snapshots(store.analytics, keys), settings.options.of(Members)
    )
    feed_ranker.refresh(evaluation.now)
    assert feed_ranker.post_index is not None
    indexed = feed_ranker.post_index.positions(evaluation.history.posts.ids)
    accounts = object_ids(evaluation.history.accounts.ids[evaluation.queries.account])
    rows = zip(accounts, evaluation.queries.posts, strict=True)
    scoring = feed_ranker.scoring
    return np.array(
        [scoring.parts(feed_ranker.viewer(account), indexed[posts], evaluation.now).logits for account, posts in rows]
    )


def by_neighbours(evaluation: Evaluation) -> FloatArray:
    """Item-to-item similarity: the sum over the account's posts of their BM25 similarity with the candidate."""
    library = BM25Recommender(K=NEIGHBOURS, num_threads=2)
    with warnings.catch_warnings(action="ignore"):  # the library warns of a matrix that it converts itself
        library.fit(evaluation.interactions, show_progress=False)
    scores = (evaluation.interactions[evaluation.queries.account] @ library.similarity).toarray()
    return np.asarray(np.take_along_axis(scores, evaluation.queries.posts, 1))


def by_factors(evaluation: Evaluation) -> FloatArray:
    """Matrix factorisation: the dot product of the factors of the account and of the post."""
    with threadpool_limits(1, "blas"):
        library = AlternatingLeastSquares(
            factors=FACTORS,
            regularization=REGULARIZATION,
            alpha=ALPHA,
            iterations=ITERATIONS,
            num_threads=2,
            random_state=0,
        )
        library.fit(evaluation.interactions.astype(np.float32), show_progress=False)
    queries = evaluation.queries
    users, posts = library.user_factors[queries.account], library.item_factors[queries.posts]
    return np.asarray(np.einsum("uf,ucf->uc", users, posts), np.float64)


def by_truth(evaluation: Evaluation) -> FloatArray:
    """The oracle; for demo worlds only."""
    world, queries = evaluation.bench.world, evaluation.queries
    ids = Identities(world)
    person = lookup(id_keys(evaluation.history.accounts.ids[queries.account]), id_keys(id_array(ids.accounts)))
    post = lookup(id_keys(evaluation.history.posts.ids), id_keys(id_array(ids.posts)))
    return engagement_rates(world, person, post[queries.posts])


RANKERS: Mapping[str, Score] = {
    "random": by_rule("random"),
    "recency": by_rule("recency"),
    "popularity": by_rule("popularity"),
    BASELINE: by_rule(BASELINE),
    OWN_HALF_LIFE: by_own_half_life,
    ITEM_TO_ITEM: by_neighbours,
    FACTORISATION: by_factors,
    COUNTRY_RANKER: by_country,
    PERSONAL_RANKER: by_account,
}
