"""How well the live rankers order posts for what people did later, which no function has seen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from benchmarks.floors import RATIOS, Figure
from benchmarks.places import NOW, BenchDatabase, Tell
from shared.artifacts import Registry
from shared.clock import DAY_HOURS
from shared.columns import BoolArray, FloatArray, IntArray, id_keys, lookup
from shared.countries import COUNTRIES, SPELLINGS, country_of
from shared.ml import ranking
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import UNKNOWN_COUNTRY, History, read_history
from shared.store.column_reader import read_columns

CANDIDATES = 200
RECENT_HOURS = 48.0
RESAMPLES = 1_000

BASELINE, MODEL = "popularity x decay", "model"
# Part of the candidates that is drawn from the last two days; the others come from the whole window.
PROTOCOLS = {"uniform": 0.0, "3/4 uniform, 1/4 last 2 days": 0.25}


@dataclass(frozen=True, slots=True)
class EvaluationQueries:
    """For each person posts to order, and which of them the person chose later.

    account  (n_lists,) number of the account in the history
    country  (n_lists,) index into COUNTRIES, NOBODYS
    posts    (n_lists, n_candidates) position among the posts of the history, in any order
    chosen   (n_lists, n_candidates)
    """

    account: IntArray
    country: IntArray
    posts: IntArray
    chosen: BoolArray


@dataclass(frozen=True, slots=True)
class Judgement:
    """One network under one protocol.

    ratio     NDCG@10 of the model over that of popularity x decay
    interval  95 % of the ratio, by drawing people anew
    rankers   NDCG@10, Recall@10 and AUC of each
    answered  for how many countries which model answered
    """

    size: str
    seed: int
    protocol: str
    lists: int
    ratio: Figure
    interval: tuple[float, float]
    rankers: dict[str, ranking.Quality]
    answered: dict[str, int]


def judge(place: BenchDatabase, tell: Tell) -> Iterator[Judgement]:
    """Compare the live rankers of a network with what needs no model, under each protocol."""
    tell(f"{place.size}, seed {place.seed}: ranking every post for every country")
    history = read_history(place.store, place.settings.options.coldstart, now=NOW)
    people = People.read(place, history)
    countries = np.unique(people.country)
    by_country, answered = model_scores(place, history, countries)
    for number, (protocol, recent_ratio) in enumerate(PROTOCOLS.items()):
        tell(f"{place.size}, seed {place.seed}: judging {protocol}")
        rng = np.random.default_rng([place.seed, number])
        lists = people.lists(history, recent_ratio, rng)
        scores = {name: score[lists.posts] for name, score in baselines(history, rng).items()}
        scores[MODEL] = by_country[np.searchsorted(countries, lists.country)[:, None], lists.posts]
        model, baseline = (ranking.ndcg(scores[name], lists.chosen) for name in (MODEL, BASELINE))
        ratio = Figure(float(model.mean() / baseline.mean()), "x")
        rankers = {name: ranking.quality(score, lists.chosen) for name, score in scores.items()}
        interval = resampled(model, baseline, rng)
        yield Judgement(place.size, place.seed, protocol, len(model), ratio, interval, rankers, answered)


def mean_ratios(found: Sequence[Judgement]) -> dict[tuple[str, str], Figure]:
    """By world and protocol, the mean ratio over the seeds: a floor is for three networks, not for the luck of one."""
    ratios: dict[tuple[str, str], list[float]] = {}
    for one in found:
        ratios.setdefault((one.size, one.protocol), []).append(one.ratio.value)
    return {key: Figure(fmean(values), "x", RATIOS.get(key[0]), at_least=True) for key, values in ratios.items()}


def model_scores(place: BenchDatabase, history: History, countries: IntArray) -> tuple[FloatArray, dict[str, int]]:
    """What `build_guest_feed` ranks by, before it looks at quality, language and author of a post.

    Returns (n_countries, n_posts) margins, and for how many countries which model answered.
    """
    rankers = Rankers(Registry(place.store.analytics, place.settings.artifact_keys))
    every = np.arange(len(history.posts))
    logits = CountryScores(history, Counters(history), every, rankers, place.settings.options.coldstart)
    answered: dict[str, int] = {}
    for country in countries.tolist():
        ranker = logits.ranker_of(country)
        key = COUNTRIES[country] if country != UNKNOWN_COUNTRY else "nobody's"
        name = "its own" if ranker.name == key else {"all": "of all countries"}.get(ranker.name, ranker.name)
        answered[name] = answered.get(name, 0) + 1
    return np.array([logits.of(country) for country in countries.tolist()]), answered


def baselines(history: History, rng: np.random.Generator) -> dict[str, FloatArray]:
    """(n_posts,) each."""
    posts = history.posts
    popularity = np.bincount(history.engagements.post, minlength=len(posts)).astype(np.float64)
    decayed = (popularity + 1) * 0.5 ** (-posts.created / DAY_HOURS)
    return {"random": rng.random(len(posts)), "recency": posts.created, "popularity": popularity, BASELINE: decayed}


def resampled(model: FloatArray, baseline: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    """Between which two values 95 % of the ratios of the means lie when the lists are drawn anew."""
    ratios = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = rng.integers(len(model), size=len(model))
        ratios[i] = model[drawn].mean() / baseline[drawn].mean()
    low, high = np.quantile(ratios, (0.025, 0.975)).tolist()
    return low, high


@dataclass(frozen=True, slots=True)
class People:
    """Those who chose something later.

    account  (n_people,) number of the account in the history
    country  (n_people,) index into COUNTRIES, NOBODYS
    chosen   (n_people,) posts that each chose later
    touched  (n_people,) posts that each had touched before
    """

    account: IntArray
    country: IntArray
    chosen: list[IntArray]
    touched: list[IntArray]

    @classmethod
    def read(cls, place: BenchDatabase, history: History) -> "People":
        """Posts are positions among those of the history: the published ones of the window."""
        accounts = place.store.people.accounts(SPELLINGS)
        keys, posts = id_keys(accounts["id"]), id_keys(history.posts.ids)
        meant = np.array([COUNTRIES.index(str(country_of(code))) for code in SPELLINGS] + [UNKNOWN_COUNTRY])
        chosen_by, touched_by = (
            _posts_by_account(source, keys, posts)
            for source in (place.truth["heldout_engagements"], place.store.app["engagements"])
        )
        those = [account for account in range(len(keys)) if len(chosen_by(account))]
        chosen, touched = ([by(one) for one in those] for by in (chosen_by, touched_by))
        return cls(np.array(those, np.int64), meant[accounts["country"]][those], chosen, touched)

    def lists(self, history: History, recent_ratio: float, rng: np.random.Generator) -> EvaluationQueries:
        """What each chose, filled up with posts that the person had not touched, and mixed.

        200 candidates each; half of all posts in a network that has fewer than twice as many. People who have touched
        so much that not enough is left are left out.
        """
        created = history.posts.created
        length = min(CANDIDATES, len(created) // 2)
        recent = np.flatnonzero(created >= -RECENT_HOURS)
        n_recent = min(int(recent_ratio * length), len(recent))
        whose, posts, chosen = [], [], []
        for number, (picked, touched) in enumerate(zip(self.chosen, self.touched, strict=True)):
            picked = picked[:length]
            known = len(picked) + len(touched)
            drawn = np.concatenate(
                [
                    rng.choice(recent, n_recent, replace=False, shuffle=False),
                    rng.choice(len(created), min(length + n_recent + known, len(created)), replace=False),
                ]
            )
            first = np.sort(np.unique(drawn, return_index=True)[1])
            others = drawn[first][~np.isin(drawn[first], np.concatenate([picked, touched]))]
            candidates = np.concatenate([picked, others[: length - len(picked)]])
            mixed = rng.permutation(len(candidates))  # equal scores keep their order, which must say nothing
            if len(candidates) == length:
                whose.append(number)
                posts.append(candidates[mixed])
                chosen.append(mixed < len(picked))
        those, shape = np.array(whose, np.int64), (len(whose), length)
        return EvaluationQueries(
            self.account[those],
            self.country[those],
            np.array(posts, np.int64).reshape(shape),
            np.array(chosen, np.bool_).reshape(shape),
        )


def _posts_by_account(
    source: object, accounts: NDArray[np.uint64], posts: NDArray[np.uint64]
) -> Callable[[int], IntArray]:
    """The posts of a collection of engagements that each account engaged with, once each."""
    columns = read_columns(source, [], {"account": ("id", "$account"), "content": ("id", "$targetRef.$id")})  # type: ignore[arg-type]
    account, post = lookup(id_keys(columns["account"]), accounts), lookup(id_keys(columns["content"]), posts)
    known = (account >= 0) & (post >= 0)
    pairs = np.unique(account[known] * len(posts) + post[known])
    start = np.searchsorted(pairs, np.arange(len(accounts) + 1) * len(posts))
    return lambda one: pairs[start[one] : start[one + 1]] % len(posts)
