"""How well members' feeds are ranked, beside what needs no model, two libraries, and the best that is possible.

    python -m benchmarks.ranking --world S --seeds 7,8,9
    python -m benchmarks.ranking --people 60,200,600 --half-lives 8,30,96 --no-taste 60,200,600
    python -m benchmarks.ranking --deskdrop ../shared/data/deskdrop/interactions.csv.gz --cuts 50,60,70,80,90

Every ranker orders the same candidates of the same people by what was known before; judged is what they did later.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import scipy.sparse as sparse
import typer
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender
from rich.console import Console
from threadpoolctl import threadpool_limits

from benchmarks.deskdrop import CUTS, FUTURE, open_deskdrop, read_deskdrop
from benchmarks.floors import DEMO_PEOPLE, HALF_LIVES_H, NO_TASTE, PERSONAL, ROLLING, Figure
from benchmarks.oracle import chances
from benchmarks.places import NOW, BenchDatabase, Tell, open_place
from benchmarks.quality import BASELINE, PROTOCOLS, EvaluationQueries, People, baselines, model_scores
from benchmarks.table import Sheet
from functions.coldstart import train_coldstart
from functions.feed import plan_personal_training, refresh_catalogue, train_members, train_personal
from functions.feed.feed_ranker import FeedRanker
from functions.feed.item_embeddings import both
from local.mongod import mongo_server
from local.parameters import readable_file, seed_number, several, world_size
from local.world import SIZES, WorldOptions
from local.world.browsing import HALF_LIFE
from local.world.ids import Identities
from local.world.sizes import MIN_USERS
from shared import command_line
from shared.artifacts import Registry, Snapshots
from shared.columns import BoolArray, FloatArray, id_array, id_keys, lookup, object_ids
from shared.ml import ranking
from shared.ranking.counters import Counters
from shared.ranking.decay import PopularityDecay
from shared.ranking.half_life import estimate_decay
from shared.ranking.history import History, read_history

WARM_ACTS = 3  # engagements before the cut from which an account is warm
JUDGED = "3/4 uniform, 1/4 last 2 days"  # of the protocols, the one that the floors are for
FACTORS, REGULARIZATION, ALPHA, ITERATIONS, NEIGHBOURS, ACT_WORTH = 32, 0.1, 2.0, 15, 100, 4.0
PERSONAL_RANKER, COUNTRY_RANKER, ORACLE = "personal", "country", "oracle"
ITEM_TO_ITEM, FACTORISATION = "item to item (implicit, BM25)", "matrix factorisation (implicit, ALS)"
LIBRARIES = (ITEM_TO_ITEM, FACTORISATION)
OWN_HALF_LIFE, RIGHT_HALF_LIFE = f"{BASELINE}, own half-life", f"{BASELINE}, planted half-life"
HINDSIGHT = f"{BASELINE}, best half-life in hindsight"
DEMO, WITH_HALF_LIFE, WITHOUT_TASTE, DESKDROP = "people", "half-life", "no-taste", "Deskdrop"  # kinds of networks


@dataclass(frozen=True)
class Evaluation:
    """Lists to order, and what was known before. No slots: what several rankers need is computed once.

    place    where the network is, with all models trained
    now      the moment before which everything is known
    lists    to order
    """

    place: BenchDatabase
    now: datetime
    history: History
    lists: EvaluationQueries
    seed: int

    @cached_property
    def warm(self) -> BoolArray:
        """(n_lists,) whether the account had done enough before."""
        engagements = np.bincount(
            self.history.engagements.account[self.history.engagements.account >= 0],
            minlength=len(self.history.accounts.ids),
        )
        return np.asarray(engagements[self.lists.account] >= WARM_ACTS)

    @cached_property
    def touched(self) -> "sparse.csr_matrix":
        """(n_accounts, n_posts) what was engaged with, and read, for the libraries."""
        shape = (len(self.history.accounts.ids), len(self.history.posts))
        engagements = self.history.engagements.where(self.history.engagements.account >= 0)
        parts = ((both(self.history), 1.0), (engagements, ACT_WORTH - 1))
        return sum(
            sparse.csr_matrix((np.full(len(one), worth), (one.account, one.post)), shape=shape) for one, worth in parts
        )


Score = Callable[[Evaluation], FloatArray]  # (n_lists, n_candidates), higher first


def by_nothing(name: str) -> Score:
    """What needs no model."""
    return lambda contest: baselines(contest.history, np.random.default_rng(contest.seed))[name][contest.lists.posts]


def by_popularity(decay: PopularityDecay) -> Score:
    """Decayed popularity, as the formula has it, without a part that never fades."""
    plain = PopularityDecay(decay.half_life_hours)

    def score(contest: Evaluation) -> FloatArray:
        posts = contest.history.posts
        popularity = np.bincount(contest.history.engagements.post, minlength=len(posts)).astype(np.float64)
        return plain.logits(popularity, -posts.created)[contest.lists.posts]

    return score


def by_own_half_life(contest: Evaluation) -> FloatArray:
    """Decayed popularity with the half-life that is estimated from what was before."""
    options = contest.place.settings.options.coldstart
    return by_popularity(estimate_decay(contest.history, Counters(contest.history), options))(contest)


def by_hindsight(contest: Evaluation) -> FloatArray:
    """Decayed popularity with the half-life that turns out the best afterwards, which nobody can know."""
    tried = [by_popularity(PopularityDecay(half_life))(contest) for half_life in np.geomspace(2.0, 768.0, 20).tolist()]
    return max(tried, key=lambda scores: float(ranking.ndcg(scores, contest.lists.chosen).mean()))


def by_country(contest: Evaluation) -> FloatArray:
    """The rankers of guests."""
    countries = np.unique(contest.lists.country)
    scores, _ = model_scores(contest.place, contest.history, countries)
    return scores[np.searchsorted(countries, contest.lists.country)[:, None], contest.lists.posts]


def by_account(contest: Evaluation) -> FloatArray:
    """What `rank_contents` answers with, account by account."""
    settings, store = contest.place.settings, contest.place.store
    keys = settings.artifact_keys
    feed_ranker = FeedRanker(
        store, Registry(store.analytics, keys), Snapshots(store.analytics, keys), settings.options.members
    )
    feed_ranker.refresh(contest.now)
    assert feed_ranker.post_index is not None
    place = feed_ranker.post_index.positions(contest.history.posts.ids)
    accounts = object_ids(contest.history.accounts.ids[contest.lists.account])
    rows = zip(accounts, contest.lists.posts, strict=True)
    return np.array(
        [feed_ranker.logits(feed_ranker.viewer(account), place[posts], contest.now) for account, posts in rows]
    )


def by_neighbours(contest: Evaluation) -> FloatArray:
    """What the posts that are most alike to those of the account say."""
    library = BM25Recommender(K=NEIGHBOURS, num_threads=2)
    with warnings.catch_warnings(action="ignore"):  # it warns of what it makes itself
        library.fit(contest.touched, show_progress=False)
    scores = (contest.touched[contest.lists.account] @ library.similarity).toarray()
    return np.asarray(np.take_along_axis(scores, contest.lists.posts, 1))


def by_factors(contest: Evaluation) -> FloatArray:
    """The product of the factors of the account and of the post."""
    with threadpool_limits(1, "blas"):
        library = AlternatingLeastSquares(
            factors=FACTORS,
            regularization=REGULARIZATION,
            alpha=ALPHA,
            iterations=ITERATIONS,
            num_threads=2,
            random_state=0,
        )
        library.fit(contest.touched.astype(np.float32), show_progress=False)
    people, posts = library.user_factors[contest.lists.account], library.item_factors[contest.lists.posts]
    return np.asarray(np.einsum("uf,ucf->uc", people, posts), np.float64)


def by_truth(contest: Evaluation) -> FloatArray:
    """The best order that anybody could give; for worlds only."""
    world = contest.place.world
    ids = Identities(world)
    person = lookup(id_keys(contest.history.accounts.ids[contest.lists.account]), id_keys(id_array(ids.accounts)))
    post = lookup(id_keys(contest.history.posts.ids), id_keys(id_array(ids.posts)))
    return chances(world, person, post[contest.lists.posts])


RANKERS: Mapping[str, Score] = {
    "random": by_nothing("random"),
    "recency": by_nothing("recency"),
    "popularity": by_nothing("popularity"),
    BASELINE: by_nothing(BASELINE),
    OWN_HALF_LIFE: by_own_half_life,
    ITEM_TO_ITEM: by_neighbours,
    FACTORISATION: by_factors,
    COUNTRY_RANKER: by_country,
    PERSONAL_RANKER: by_account,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One ranker on one network.

    ndcg, recall, auc  means over people, 0..1, higher is better
    error              standard error of the NDCG
    coverage           part of the candidates that stand in somebody's first ten, 0..1
    cold, warm         NDCG of the two kinds of accounts; nan where there are none
    warm_error         standard error of the latter
    """

    ranker: str
    ndcg: float
    error: float
    recall: float
    auc: float
    coverage: float
    cold: float
    warm: float
    warm_error: float


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """All rankers on one network under one protocol.

    gain, gain_error  NDCG of the personal ranker over decayed popularity with its own half-life, paired by warm
                      account: the mean, and its standard error
    """

    network: str
    protocol: str
    people: int
    warm: int
    outcomes: dict[str, Outcome]
    gain: float = float("nan")
    gain_error: float = float("nan")


def outcome(name: str, scores: FloatArray, contest: Evaluation) -> Outcome:
    """How well these scores order."""
    lists, warm = contest.lists, contest.warm
    values = ranking.ndcg(scores, lists.chosen)
    first = np.take_along_axis(lists.posts, np.argsort(-scores, axis=1, kind="stable")[:, :10], 1)
    return Outcome(
        ranker=name,
        ndcg=mean_of(values),
        error=error_of(values),
        recall=mean_of(ranking.recall(scores, lists.chosen)),
        auc=mean_of(ranking.auc(scores, lists.chosen)),
        coverage=len(np.unique(first)) / max(len(np.unique(lists.posts)), 1),
        cold=mean_of(values[~warm]),
        warm=mean_of(values[warm]),
        warm_error=error_of(values[warm]),
    )


def mean_of(values: FloatArray) -> float:
    """nan of none."""
    return float(values.mean()) if len(values) else float("nan")


def error_of(values: FloatArray) -> float:
    """Standard error of the mean; nan of fewer than two.

    >>> round(error_of(np.array([0.0, 1.0, 0.0, 1.0])), 4)
    0.2887
    """
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def train(place: BenchDatabase, now: datetime, tell: Tell) -> None:
    """Every model that the ranking of members needs, as the functions make it."""
    store, options, keys = place.store, place.settings.options, place.settings.artifact_keys
    registry, snapshots, name = (
        Registry(store.analytics, keys),
        Snapshots(store.analytics, keys),
        f"{place.size} {place.seed}",
    )
    tell(f"{name}: train_coldstart")
    train_coldstart.run(store, registry, options.coldstart, now=now)
    tell(f"{name}: refresh_catalogue")
    refresh_catalogue.run(store, registry, snapshots, options.coldstart, options.members, now=now)
    tell(f"{name}: train_members")
    train_members.run(store, registry, options.coldstart, options.members, now=now)
    messages: list[Mapping[str, Any]] = []
    plan_personal_training.run(store, registry, messages.extend, options.members, now=now)
    trainer = train_personal.open_trainer(store, registry, options.coldstart, options.members, now=now)
    for number, one in enumerate(messages, 1):
        tell(f"{name}: train_personal, {number} of {len(messages)} messages")
        train_personal.run(store, trainer, registry, options.coldstart, options.members, one["accounts"], now=now)
    train_personal.forget()


def stand(contest: Evaluation, rankers: Mapping[str, Score], network: str, protocol: str, tell: Tell) -> Leaderboard:
    """Have each ranker order the lists."""
    scores = {}
    for name, score in rankers.items():
        tell(f"{network}, {protocol}: {name}")
        scores[name] = score(contest)
    found = {name: outcome(name, values, contest) for name, values in scores.items()}
    ndcg = [ranking.ndcg(scores[name], contest.lists.chosen) for name in (PERSONAL_RANKER, OWN_HALF_LIFE)]
    gain = (ndcg[0] - ndcg[1])[contest.warm]
    people, warm = len(contest.warm), int(contest.warm.sum())
    return Leaderboard(network, protocol, people, warm, found, mean_of(gain), error_of(gain))


def stand_world(place: BenchDatabase, tell: Tell) -> list[Leaderboard]:
    """All rankers on a world whose models are trained, under each protocol."""
    history = read_history(place.store, place.settings.options.coldstart, now=NOW, with_exposures=True)
    people = People.read(place, history)
    half_life = PopularityDecay(place.world.options.half_life_hours or HALF_LIFE / 3_600)
    rankers = {**RANKERS, RIGHT_HALF_LIFE: by_popularity(half_life), HINDSIGHT: by_hindsight, ORACLE: by_truth}
    found = []
    for number, (protocol, recent_ratio) in enumerate(PROTOCOLS.items()):
        lists = people.lists(history, recent_ratio, np.random.default_rng([place.seed, number]))
        contest = Evaluation(place, NOW, history, lists, place.seed)
        if len(lists.account):
            found.append(stand(contest, rankers, f"{place.size} {place.seed}", protocol, tell))
    return found


def stand_small(uri: str, size: str, options: WorldOptions, seeds: Sequence[int], tell: Tell) -> list[Leaderboard]:
    """All rankers on demo networks that have no name among the sizes."""
    found = []
    for seed in seeds:
        with open_place(uri, size, seed, tell, options) as place:
            place.add_text()
            train(place, NOW, tell)
            found += stand_world(place, tell)
    return found


def of_people(people: int, **others: Any) -> WorldOptions:
    """A demo network of so many people, as busy as those of the sizes."""
    return WorldOptions(users=people, contents=5 * people, engagements=50 * people, feed_items=100 * people, **others)


def stand_deskdrop(uri: str, file: Path, tell: Tell, cuts: Sequence[int] = CUTS) -> list[Leaderboard]:
    """All rankers on the events of a real network, at each cut judged by the tenth of the events after it."""
    events, found = read_deskdrop(file, datetime.now(UTC)), []
    for cut in cuts:
        with open_deskdrop(uri, events, cut, tell) as feed_ranker:
            train(feed_ranker.place, feed_ranker.now, tell)
            history = read_history(
                feed_ranker.place.store,
                feed_ranker.place.settings.options.coldstart,
                now=feed_ranker.now,
                with_exposures=True,
            )
            for protocol, days in feed_ranker.protocols.items():
                contest = Evaluation(feed_ranker.place, feed_ranker.now, history, feed_ranker.lists(history, days), 0)
                if len(contest.lists.account):
                    found.append(stand(contest, RANKERS, f"{DESKDROP} {cut}%", protocol, tell))
    return found


def figures(found: Sequence[Leaderboard]) -> dict[str, Figure]:
    """What there are floors for: means over the networks of one size, or over the accounts of all cuts of Deskdrop."""
    told: dict[str, Figure] = {}
    for size in dict.fromkeys(one.network.split()[0] for one in found):
        those = [one for one in found if one.network.split()[0] == size and one.protocol in (JUDGED, "all posts")]
        if not those:
            continue
        if size == DESKDROP:
            told |= _figures_of_cuts([one for one in those if one.warm])
            continue
        of_size = {name: float(np.mean([one.outcomes[name].ndcg for one in those])) for name in those[0].outcomes}
        kind, _, value = size.partition("-")
        personal, country = of_size[PERSONAL_RANKER], of_size[COUNTRY_RANKER]
        own = of_size[OWN_HALF_LIFE]
        if kind == DEMO:
            asked = {f"{size}: personal over {OWN_HALF_LIFE}": (personal / own, DEMO_PEOPLE.get(int(value)))}
        elif size.startswith(WITH_HALF_LIFE):
            floor = HALF_LIVES_H.get(int(size.removeprefix(WITH_HALF_LIFE)[1:]))
            asked = {
                f"{size} h: country over {name}": (country / of_size[name], floor)
                for name in (RIGHT_HALF_LIFE, OWN_HALF_LIFE)
            }
        elif size.startswith(WITHOUT_TASTE):
            ratios = {"personal": personal / own, "country": country / own}
            asked = {f"{size}: {name} over {OWN_HALF_LIFE}": (ratio, NO_TASTE) for name, ratio in ratios.items()}
        else:
            asked = {
                f"{size}: over {BASELINE}": (personal / of_size[BASELINE], PERSONAL["over the baseline"]),
                f"{size}: of the oracle": (personal / of_size[ORACLE], PERSONAL["of the oracle"]),
            }
        told |= {name: Figure(ratio, "x", floor, at_least=True) for name, (ratio, floor) in asked.items()}
    return told


def _figures_of_cuts(those: Sequence[Leaderboard]) -> dict[str, Figure]:
    """Of warm accounts at every cut; libraries for those who ask, without a floor."""
    if not those:
        return {}
    people = np.array([one.warm for one in those])

    def pooled(name: str) -> float:
        return float(np.average([one.outcomes[name].warm for one in those], weights=people))

    worst = min((one for one in those), key=lambda one: one.gain / one.gain_error if one.gain_error > 0 else 0.0)
    in_errors = worst.gain / worst.gain_error if worst.gain_error > 0 else 0.0
    ratio = pooled(PERSONAL_RANKER) / max(pooled(OWN_HALF_LIFE), 1e-9)
    best = max(pooled(name) for name in LIBRARIES)
    error = float(np.sqrt(np.nansum((people * [one.gain_error for one in those]) ** 2)) / people.sum())
    return {
        f"{DESKDROP}, warm, all cuts: over {OWN_HALF_LIFE}": Figure(ratio, "x", ROLLING["pooled"], at_least=True),
        f"{DESKDROP}, warm, all cuts: standard error of that": Figure(error / max(pooled(OWN_HALF_LIFE), 1e-9), "x"),
        f"{DESKDROP}, warm, worst cut ({worst.network.split()[1]}): gain": Figure(
            in_errors, "standard errors", ROLLING["worst cut"], at_least=True
        ),
        f"{DESKDROP}, warm, all cuts: above the better library": Figure(pooled(PERSONAL_RANKER) - best, "NDCG"),
    }


def sheets(found: Sequence[Leaderboard]) -> list[Sheet]:
    """A table per size and protocol, and one of the floors."""
    made = []
    for size, protocol in dict.fromkeys((one.network.split()[0], one.protocol) for one in found):
        those = [one for one in found if (one.network.split()[0], one.protocol) == (size, protocol)]
        rows = [row_of([one.outcomes[name] for one in those]) for name in those[0].outcomes]
        people = f"{sum(one.people for one in those):,} people, {sum(one.warm for one in those):,} of them warm: "
        note = people + f"{WARM_ACTS} or more engagements before. ± is one standard error."
        columns = ("ranker", "NDCG@10", "Recall@10", "AUC", "coverage", "cold", "warm")
        made.append(
            Sheet(f"Members' feeds, {size}, {len(those)} networks, 200 candidates {protocol}", columns, rows, note)
        )
    told = [
        (name, figure.told, figure.floor_told, {True: "yes", False: "NO", None: ""}[figure.met])
        for name, figure in figures(found).items()
    ]
    made.append(Sheet("Members' feeds, NDCG@10 of the personal ranker", ("what", "measured", "floor", "met"), told))
    return made


def row_of(several: Sequence[Outcome]) -> tuple[str, ...]:
    """Means over networks; their errors add as independent ones do."""

    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in several]))

    def error(name: str) -> float:
        return float(np.sqrt(np.sum([getattr(one, name) ** 2 for one in several])) / len(several))

    return (
        several[0].ranker,
        f"{mean('ndcg'):.3f} ± {error('error'):.3f}",
        f"{mean('recall'):.3f}",
        f"{mean('auc'):.3f}",
        f"{mean('coverage'):.2f}",
        f"{mean('cold'):.3f}",
        f"{mean('warm'):.3f} ± {error('warm_error'):.3f}",
    )


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(help=__doc__)
def main(
    world: Annotated[
        str | None, typer.Option(parser=world_size, metavar="SIZE", help="of the demo networks: XS, S, M or L")
    ] = None,
    seeds: Annotated[
        str, typer.Option(parser=several(seed_number), metavar="SEEDS", help="of the demo networks")
    ] = "7,8,9",
    people: Annotated[str, typer.Option(help="of small demo networks, several apart by commas")] = "",
    half_lives: Annotated[str, typer.Option(help="of popularity [h], in demo networks of 1,000 people")] = "",
    no_taste: Annotated[str, typer.Option(help="people of networks without any taste")] = "",
    deskdrop: Annotated[
        Path | None, typer.Option(parser=readable_file, metavar="FILE", help="interactions.csv.gz")
    ] = None,
    cuts: Annotated[str, typer.Option(help="percent of Deskdrop's events that are the past")] = "50,60,70,80,90",
) -> None:
    """Train, order, print; ends with code 1 when a floor is missed."""
    console = Console(width=None if Console().is_terminal else 200)
    chosen, networks = [int(seed) for seed in seeds.split(",")], networks_of(people, half_lives, no_taste)
    deskdrop_cuts = numbers_of(cuts, "--cuts", least=1, most=100 - FUTURE)
    if world:
        networks[world] = SIZES[world]
    if not networks and not deskdrop:
        raise typer.BadParameter("--world, --people, --half-lives, --no-taste, --deskdrop: one of them at least")
    found: list[Leaderboard] = []
    with mongo_server() as uri, console.status("") as status:
        for size, options in networks.items():
            found += stand_small(uri, size, options, chosen, status.update)
        if deskdrop:
            found += stand_deskdrop(uri, deskdrop, status.update, deskdrop_cuts)
    for sheet in sheets(found) if found else ():
        sheet.show(console)
    if not found:
        console.print("nobody to judge by: no account engaged later with what was there before")
    raise typer.Exit(0 if all(one.met is not False for one in figures(found).values()) else 1)


def networks_of(people: str, half_lives: str, no_taste: str) -> dict[str, WorldOptions]:
    """The demo networks that were asked for, by name."""
    least = MIN_USERS
    found = {f"{DEMO}-{one}": of_people(one) for one in numbers_of(people, "--people", least=least)}
    for hours in numbers_of(half_lives, "--half-lives", least=1):
        found[f"{WITH_HALF_LIFE}-{hours}"] = of_people(1_000, half_life_hours=float(hours))
    for one in numbers_of(no_taste, "--no-taste", least=least):
        found[f"{WITHOUT_TASTE}-{one}"] = of_people(one, tastes="none")
    return found


def numbers_of(given: str, option: str, least: int = 0, most: int = 1_000_000) -> list[int]:
    """Whole numbers apart by commas; BadParameter for anything else."""
    try:
        found = [int(one) for one in given.split(",") if one.strip()]
    except ValueError:
        raise typer.BadParameter(f"{option}: {given} is no list of whole numbers") from None
    if any(not least <= one <= most for one in found):
        raise typer.BadParameter(f"{option}: each must lie in {least}..{most}")
    return found


if __name__ == "__main__":
    command_line.run(app)
