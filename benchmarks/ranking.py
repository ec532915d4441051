"""How well members' feeds are ranked, beside what needs no model, two libraries, and the best that is possible.

    python -m benchmarks.ranking --world S --seeds 7,8,9
    python -m benchmarks.ranking --deskdrop ../shared/data/deskdrop/interactions.csv.gz

Every ranker orders the same candidates of the same people by what was known before; judged is what they did later.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import scipy.sparse as sparse
import typer
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender
from numpy.typing import NDArray
from rich.console import Console
from threadpoolctl import threadpool_limits

from benchmarks.desk import open_desk_place
from benchmarks.floors import PERSONAL, Figure
from benchmarks.oracle import chances
from benchmarks.places import NOW, Place, Tell, open_place
from benchmarks.quality import BASELINE, PROTOCOLS, Lists, People, baselines, model_scores
from benchmarks.table import Sheet
from functions.coldstart import train_coldstart
from functions.feed import plan_personal_training, refresh_catalogue, train_members, train_personal
from functions.feed.alike import both
from functions.feed.desk import Desk
from local.mongod import mongo_server
from local.parameters import readable_file, seed_number, several, world_size
from local.world.ids import Identities
from shared import command_line
from shared.artifacts import Registry, Snapshots
from shared.ml import ranking
from shared.network.history import History, read_history
from shared.store.columns import id_array, id_keys, object_ids, positions

Index = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

WARM_ACTS = 3  # engagements before the cut from which an account is warm
JUDGED = "3/4 uniform, 1/4 last 2 days"  # of the protocols, the one that the floors are for
FACTORS, REGULARIZATION, ALPHA, ITERATIONS, NEIGHBOURS, ACT_WORTH = 32, 0.1, 2.0, 15, 100, 4.0
PERSONAL_RANKER, COUNTRY_RANKER, ORACLE = "personal", "country", "oracle"
ITEM_TO_ITEM, FACTORISATION = "item to item (implicit, BM25)", "matrix factorisation (implicit, ALS)"
LIBRARIES = (ITEM_TO_ITEM, FACTORISATION)


@dataclass(frozen=True)
class Contest:
    """Lists to order, and what was known before. No slots: what several rankers need is computed once.

    place    where the network is, with all models trained
    now      the moment before which everything is known
    account  (n_lists,) number of each account in the history
    lists    of each of them
    """

    place: Place
    now: datetime
    history: History
    account: Index
    lists: Lists
    seed: int

    @cached_property
    def warm(self) -> Flags:
        """(n_lists,) whether the account had done enough before."""
        acts = np.bincount(
            self.history.acts.actor[self.history.acts.actor >= 0], minlength=len(self.history.actors.ids)
        )
        return np.asarray(acts[self.account] >= WARM_ACTS)

    @cached_property
    def touched(self) -> "sparse.csr_matrix":
        """(n_accounts, n_posts) what was engaged with, and read, for the libraries."""
        shape = (len(self.history.actors.ids), len(self.history.posts))
        acts = self.history.acts.where(self.history.acts.actor >= 0)
        parts = ((both(self.history), 1.0), (acts, ACT_WORTH - 1))
        return sum(
            sparse.csr_matrix((np.full(len(one), worth), (one.actor, one.post)), shape=shape) for one, worth in parts
        )


Score = Callable[[Contest], Floats]  # (n_lists, n_candidates), higher first


def by_nothing(name: str) -> Score:
    """What needs no model."""
    return lambda contest: baselines(contest.history, np.random.default_rng(contest.seed))[name][contest.lists.posts]


def by_country(contest: Contest) -> Floats:
    """The rankers of guests."""
    countries = np.unique(contest.lists.country)
    scores, _ = model_scores(contest.place, contest.history, countries)
    return scores[np.searchsorted(countries, contest.lists.country)[:, None], contest.lists.posts]


def by_account(contest: Contest) -> Floats:
    """What `rank_contents` answers with, account by account."""
    settings, store = contest.place.settings, contest.place.store
    keys = settings.artifact_keys
    desk = Desk(store, Registry(store.analytics, keys), Snapshots(store.analytics, keys), settings.options.members)
    desk.look(contest.now)
    assert desk.catalogue is not None
    place = desk.catalogue.positions(contest.history.posts.ids)
    accounts = object_ids(contest.history.actors.ids[contest.account])
    rows = zip(accounts, contest.lists.posts, strict=True)
    return np.array([desk.margins(desk.reader(account), place[posts], contest.now) for account, posts in rows])


def by_neighbours(contest: Contest) -> Floats:
    """What the posts that are most alike to those of the account say."""
    library = BM25Recommender(K=NEIGHBOURS, num_threads=2)
    with warnings.catch_warnings(action="ignore"):  # it warns of what it makes itself
        library.fit(contest.touched, show_progress=False)
    scores = (contest.touched[contest.account] @ library.similarity).toarray()
    return np.asarray(np.take_along_axis(scores, contest.lists.posts, 1))


def by_factors(contest: Contest) -> Floats:
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
    people, posts = library.user_factors[contest.account], library.item_factors[contest.lists.posts]
    return np.asarray(np.einsum("uf,ucf->uc", people, posts), np.float64)


def by_truth(contest: Contest) -> Floats:
    """The best order that anybody could give; for worlds only."""
    world = contest.place.world
    ids = Identities(world)
    person = positions(id_keys(contest.history.actors.ids[contest.account]), id_keys(id_array(ids.accounts)))
    post = positions(id_keys(contest.history.posts.ids), id_keys(id_array(ids.posts)))
    return chances(world, person, post[contest.lists.posts])


RANKERS: Mapping[str, Score] = {
    "random": by_nothing("random"),
    "recency": by_nothing("recency"),
    "popularity": by_nothing("popularity"),
    BASELINE: by_nothing(BASELINE),
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
class Standing:
    """All rankers on one network under one protocol."""

    network: str
    protocol: str
    people: int
    warm: int
    outcomes: dict[str, Outcome]


def outcome(name: str, scores: Floats, contest: Contest) -> Outcome:
    """How well these scores order."""
    lists, warm = contest.lists, contest.warm
    values = ranking.ndcg(scores, lists.chosen)
    first = np.take_along_axis(lists.posts, np.argsort(-scores, axis=1, kind="stable")[:, :10], 1)
    return Outcome(
        ranker=name,
        ndcg=float(values.mean()),
        error=error_of(values),
        recall=float(ranking.recall(scores, lists.chosen).mean()),
        auc=float(ranking.auc(scores, lists.chosen).mean()),
        coverage=len(np.unique(first)) / len(np.unique(lists.posts)),
        cold=float(values[~warm].mean()) if (~warm).any() else float("nan"),
        warm=float(values[warm].mean()) if warm.any() else float("nan"),
        warm_error=error_of(values[warm]),
    )


def error_of(values: Floats) -> float:
    """Standard error of the mean; nan of fewer than two.

    >>> round(error_of(np.array([0.0, 1.0, 0.0, 1.0])), 4)
    0.2887
    """
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def train(place: Place, now: datetime, tell: Tell) -> None:
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


def stand(contest: Contest, rankers: Mapping[str, Score], network: str, protocol: str, tell: Tell) -> Standing:
    """Have each ranker order the lists."""
    found = {}
    for name, score in rankers.items():
        tell(f"{network}, {protocol}: {name}")
        found[name] = outcome(name, score(contest), contest)
    return Standing(network, protocol, len(contest.account), int(contest.warm.sum()), found)


def stand_world(place: Place, tell: Tell) -> list[Standing]:
    """All rankers on a world whose models are trained, under each protocol."""
    history = read_history(place.store, place.settings.options.coldstart, now=NOW, with_exposures=True)
    people = People.read(place, history)
    found = []
    for number, (protocol, recent_ratio) in enumerate(PROTOCOLS.items()):
        lists = people.lists(history, recent_ratio, np.random.default_rng([place.seed, number]))
        contest = Contest(place, NOW, history, people.account, lists, place.seed)
        found.append(stand(contest, {**RANKERS, ORACLE: by_truth}, f"{place.size} {place.seed}", protocol, tell))
    return found


def stand_deskdrop(uri: str, file: Path, tell: Tell) -> list[Standing]:
    """All rankers on the events of a real network, of which the last tenth is the future."""
    with open_desk_place(uri, file, tell) as desk:
        train(desk.place, desk.now, tell)
        history = read_history(
            desk.place.store, desk.place.settings.options.coldstart, now=desk.now, with_exposures=True
        )
        found = []
        for protocol, days in desk.protocols.items():
            account, lists = desk.lists(history, days)
            contest = Contest(desk.place, desk.now, history, account, lists, 0)
            found.append(stand(contest, RANKERS, "Deskdrop", protocol, tell))
    return found


def figures(found: Sequence[Standing]) -> dict[str, Figure]:
    """What there are floors for: means over the networks of one size."""
    told: dict[str, Figure] = {}
    for size in dict.fromkeys(one.network.split()[0] for one in found):
        those = [one for one in found if one.network.split()[0] == size and one.protocol in (JUDGED, "all posts")]
        of_size = {name: float(np.mean([one.outcomes[name].ndcg for one in those])) for name in those[0].outcomes}
        if ORACLE in of_size:
            told[f"{size}: over {BASELINE}"] = Figure(
                of_size[PERSONAL_RANKER] / of_size[BASELINE], "x", PERSONAL["over the baseline"], at_least=True
            )
            told[f"{size}: of the oracle"] = Figure(
                of_size[PERSONAL_RANKER] / of_size[ORACLE], "x", PERSONAL["of the oracle"], at_least=True
            )
        else:
            own, base = (those[0].outcomes[name] for name in (PERSONAL_RANKER, BASELINE))
            best = max((those[0].outcomes[name] for name in LIBRARIES), key=lambda one: one.warm)
            told[f"{size}, warm: over {BASELINE}"] = Figure(
                own.warm / base.warm, "x", PERSONAL["Deskdrop, over the baseline"], at_least=True
            )
            told[f"{size}, warm: above the better library less its error"] = Figure(
                own.warm - (best.warm - best.warm_error), "NDCG", 0.0, at_least=True
            )
    return told


def sheets(found: Sequence[Standing]) -> list[Sheet]:
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
    deskdrop: Annotated[
        Path | None, typer.Option(parser=readable_file, metavar="FILE", help="interactions.csv.gz")
    ] = None,
) -> None:
    """Train, order, print."""
    console = Console(width=None if Console().is_terminal else 200)
    if not world and not deskdrop:
        raise typer.BadParameter("--world, --deskdrop: one of them at least")
    found: list[Standing] = []
    with mongo_server() as uri, console.status("") as status:
        for seed in seeds.split(",") if world else ():
            with open_place(uri, str(world), int(seed), status.update) as place:
                place.add_text()
                train(place, NOW, status.update)
                found += stand_world(place, status.update)
        if deskdrop:
            found += stand_deskdrop(uri, deskdrop, status.update)
    for sheet in sheets(found) if found else ():
        sheet.show(console)


if __name__ == "__main__":
    command_line.run(app)
