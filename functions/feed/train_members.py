"""How much what is known of an account counts when posts are ranked for it: one ranker for all members."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from functions.feed.alike import Alike
from functions.feed.encounters import FEATURES, Tastes, follow_pairs
from functions.feed.members import EVERY_MEMBER, MEMBERS, MembersRanker, load_members
from shared.artifacts import Artifact, Manifest, Registry
from shared.clock import hours
from shared.config import Coldstart, Members
from shared.ml import ranking, trees
from shared.network.counters import DAY_HOURS, Counters
from shared.network.examples import draw_examples
from shared.network.features import decayed_popularity_of
from shared.network.history import read_history
from shared.network.holdout import Lists, judge_by
from shared.network.margins import Margins
from shared.network.ranker import Rankers
from shared.report import Report
from shared.store import Store

NAME = "train_members"

Floats = NDArray[np.float64]

_PARAMETERS = {
    "objective": "binary:logistic",
    "min_child_weight": 5.0,
    "reg_lambda": 2.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "max_bin": 64,
}


def run(store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime) -> Report:
    """Train the ranker of all members, and make it live if it orders what people did later better than what is live.

    It must beat the countries' rankers too, which answer where there is none. A run without enough data says so and
    changes nothing.
    """
    with store.leases.hold(NAME):
        history = read_history(store, coldstart, now=now, with_exposures=True)
        counters = Counters(history)
        alike = Alike(history, options.recent_posts, DAY_HOURS)
        tastes = Tastes(history, counters, follow_pairs(store, history), alike)
        margins = Margins(history, counters, np.empty(0, np.int64), Rankers(registry), coldstart)
        judging = judge_by(history, counters, coldstart, options.least_lists)
        coldstart, lists = judging.options, judging.lists
        read = len(history.acts)
        if sum(map(len, lists)) < options.least_lists:
            return Report(read, details={"skipped": "too few people in the holdout to judge by"})
        model = fit(tastes, margins, judging.touched, coldstart, options)
        if not model:
            return Report(read, details={"skipped": "no engagement to learn from"})
        live, refused = load_members(registry)
        challenger = MembersRanker(f"{now:%Y%m%dT%H%M%SZ}", model)
        metrics = measured(lists, tastes, margins, -hours(coldstart.holdout), challenger, live)
        better = metrics["model"] > max(metrics.get("live", 0.0), metrics["country"])
        if better:
            promote(registry, challenger, model, metrics, coldstart, now)
    told = {f"ndcg_{name}": round(value, 4) for name, value in metrics.items() if name != "lists"}
    return Report(read, int(better), details=told | {"refused": len(refused)})


def fit(tastes: Tastes, margins: Margins, touched: NDArray[np.int64], coldstart: Coldstart, options: Members) -> bytes:
    """The trees, as XGBoost's UBJSON; empty where nobody known engaged with anything."""
    rng = np.random.default_rng(0)
    drawn = replace(coldstart, negatives=options.negatives)
    examples = draw_examples(tastes.history, touched, drawn, rng, most=options.max_positives)
    whose = np.flatnonzero(examples.actor >= 0)
    label = examples.label[whose]
    if not label.any() or label.all():
        return b""
    account, post, at = examples.actor[whose], examples.post[whose], examples.at[whose]
    margin = margins.at(post, examples.country[whose], at)
    return trees.fit(
        FEATURES.matrix(tastes.encounters(account, post, at, margin)),
        label,
        examples.weight[whose],
        parameters=_PARAMETERS | {"learning_rate": options.learning_rate, "max_depth": options.max_depth},
        rounds=options.rounds,
        rises=FEATURES.rises,
    )


def measured(
    lists: Sequence[Lists],
    tastes: Tastes,
    margins: Margins,
    cut: float,
    model: MembersRanker,
    live: MembersRanker | None,
) -> dict[str, float]:
    """Mean NDCG@10 over all lists of the model, of what is live and of what needs none, 0..1.

    cut  when the holdout began [hours, 0 is now]
    """
    found: dict[str, list[Floats]] = {}
    for one in lists:
        country = margins.ranker_of(one.country).margins(one.matrix)[one.posts]
        post = one.described[one.posts]
        account = np.repeat(one.person, post.shape[1])
        met = tastes.encounters(account, post.ravel(), np.full(post.size, cut), country.ravel())
        scores = {
            "decayed_popularity": decayed_popularity_of(one.matrix)[one.posts],
            "country": country,
            "model": model.margins(met).reshape(post.shape),
        }
        if live is not None:
            scores["live"] = live.margins(met).reshape(post.shape)
        for name, score in scores.items():
            found.setdefault(name, []).append(ranking.ndcg(score, one.chosen))
    means = {name: float(np.concatenate(values).mean()) for name, values in found.items()}
    return means | {"lists": float(sum(map(len, lists)))}


def promote(
    registry: Registry,
    ranker: MembersRanker,
    model: bytes,
    metrics: dict[str, float],
    coldstart: Coldstart,
    now: datetime,
) -> None:
    """Keep the ranker and make it live."""
    manifest = Manifest(
        family=MEMBERS,
        key=EVERY_MEMBER,
        version=ranker.version,
        trained_at=now,
        window=(now - coldstart.holdout - coldstart.examples_span, now - coldstart.holdout),
        features=FEATURES.names,
        fingerprint=FEATURES.fingerprint,
        metrics=metrics,
        libraries={"xgboost": trees.version()},
    )
    registry.add(Artifact(manifest, model))
    registry.promote(
        MEMBERS, EVERY_MEMBER, ranker.version, instead_of=registry.live_version(MEMBERS, EVERY_MEMBER), at=now
    )
