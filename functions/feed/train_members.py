"""How much what is known of an account counts when posts are ranked for it: one ranker for all members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from functions.feed.candidate_features import FEATURES, AffinityCounters, CandidateFeatures, follow_pairs, read_follows
from functions.feed.global_personal_ranker import (
    GLOBAL_PERSONAL_KEY,
    MEMBERS,
    GlobalPersonalRanker,
    load_global_personal_ranker,
    shrink_to_country,
)
from functions.feed.item_embeddings import ItemEmbeddings
from shared.artifacts import Artifact, Manifest, Registry
from shared.clock import DAY_HOURS
from shared.columns import FloatArray
from shared.config import Coldstart, Members
from shared.ml import trees
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import GLOBAL, GLOBAL_KEY, DecayedPopularity, Rankers, SingleModelRankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.country_training import CountryTrainer
from shared.ranking.evidence import Evidence
from shared.ranking.examples import draw_examples
from shared.ranking.history import read_history
from shared.ranking.holdout import Cut, EvaluationQueries, rolling_cuts, why_skipped
from shared.report import Report
from shared.store import Store

NAME = "train_members"


_PARAMETERS = {
    "objective": "binary:logistic",
    "min_child_weight": 20.0,
    "reg_lambda": 2.0,
    "subsample": 0.7,
    "colsample_bytree": 0.7,
    "max_bin": 64,
}


def run(store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime) -> Report:
    """Train the ranker of all members, and make it live if it orders the latest holdout better than the live one.

    It counts by the evidence that it gains over the countries' rankers; where none is live, it has to count for
    anything. A run with nothing to learn from, or nobody to judge by, says so and changes nothing.
    """
    with store.leases.hold(NAME):
        history = read_history(store, coldstart, now=now, with_exposures=True)
        counters = Counters(history)
        item_embeddings = ItemEmbeddings(history, options.recent_posts, DAY_HOURS)
        affinities = AffinityCounters(
            history, counters, follow_pairs(history, read_follows(store, history)), item_embeddings
        )
        logits = CountryScores(history, counters, np.empty(0, np.int64), Rankers(registry), coldstart)
        cuts = rolling_cuts(history, counters, coldstart, options.least_lists)
        training = Training(affinities, logits, cuts, coldstart, options)
        read = len(history.engagements)
        model = training.fit(cuts[0], logits)
        if not model or not any(map(len, cuts)):
            return Report(read, details={"skipped": why_skipped(history, cuts)})
        live, refused = load_global_personal_ranker(registry)
        version = f"{now:%Y%m%dT%H%M%SZ}"
        evidence = training.evidence_for(GlobalPersonalRanker(version, model, 1.0))
        challenger = GlobalPersonalRanker(version, model, evidence.weight)
        metrics = training.measured({"model": challenger, "live": live})
        better = evidence.weight > 0 if live is None else metrics.get("model", 0.0) > metrics.get("live", 0.0)
        used = evidence.metrics() | {"engagements": float(read), "half_life_hours": logits.decay.half_life_hours}
        if better:
            promote(registry, challenger, metrics | used, cuts[0].options, now)
    ndcg = {f"ndcg_{name}": round(value, 4) for name, value in metrics.items() if name != "lists"}
    told = {name: round(value, 4) for name, value in used.items()}
    return Report(read, int(better), details={**ndcg, **told, "refused": len(refused)})


@dataclass(frozen=True, slots=True)
class Training:
    """What one run works with.

    logits   of the countries' rankers that are live
    cuts     the latest first
    """

    affinities: AffinityCounters
    logits: CountryScores
    cuts: Sequence[Cut]
    coldstart: Coldstart
    options: Members

    def fit(self, cut: Cut, logits: CountryScores) -> bytes:
        """The trees of what was before a cut, as XGBoost's UBJSON; empty where nobody known engaged with anything."""
        options, rng = self.options, np.random.default_rng(0)
        drawn = replace(cut.options, negatives=options.negatives)
        examples = draw_examples(self.affinities.history, cut.touched, drawn, rng, most=options.max_positives)
        whose = np.flatnonzero(examples.account >= 0)
        label, weight = examples.label[whose], examples.weight[whose]
        if not label.any() or label.all():
            return b""
        account, post, at = examples.account[whose], examples.post[whose], examples.at[whose]
        country_logit = logits.at(post, examples.country[whose], at)
        return trees.fit(
            FEATURES.matrix(self.affinities.candidate_features(account, post, at, country_logit)),
            label,
            weight,
            parameters=_PARAMETERS | {"learning_rate": options.learning_rate, "max_depth": options.max_depth},
            rounds=options.rounds,
            monotone_sign=FEATURES.monotone_sign,
            base=country_logit - np.average(country_logit, weights=weight),
        )

    def evidence_for(self, model: GlobalPersonalRanker) -> Evidence:
        """What the trees gain over the countries' rankers, at every cut with trees of what was before it."""
        person, gain, cuts = [np.empty(0, np.int64)], [np.empty(0)], 0
        for cut in filter(len, self.cuts):
            logits, of_cut = self.logits, model
            if cut is not self.cuts[0]:
                logits = self.margins_at(cut)
                fitted = self.fit(cut, logits)
                if not fitted:
                    continue
                of_cut = GlobalPersonalRanker(model.version, fitted, 1.0)
            cuts += 1
            for queries in cut.queries:
                country, met = self.candidate_features(cut, queries, logits)
                person.append(queries.person)
                gain.append(self.ndcg(queries, met, of_cut) - queries.ndcg_of(country))
        return Evidence.of(np.concatenate(person), np.concatenate(gain), cuts)

    def margins_at(self, cut: Cut) -> CountryScores:
        """Of a model of all countries of what was before a cut, which counts for what the live one does."""
        live = self.logits.rankers.own(GLOBAL, GLOBAL_KEY)
        learner = CountryTrainer(self.affinities.history, self.affinities.counters, self.logits.decay)
        model = learner.everyone(cut, live.version, live.weight) if live else None
        return CountryScores(
            self.affinities.history,
            self.affinities.counters,
            self.logits.post,
            SingleModelRankers(model),
            self.coldstart,
        )

    def candidate_features(
        self, cut: Cut, queries: EvaluationQueries, logits: CountryScores
    ) -> tuple[FloatArray, CandidateFeatures]:
        """(n_lists, n_candidates) what the country's ranker says, and each account before each of its candidates."""
        country = queries.logits(logits.ranker_of(queries.country))
        post = queries.described[queries.posts]
        account = np.repeat(queries.person, post.shape[1])
        return country, self.affinities.candidate_features(
            account, post.ravel(), np.full(post.size, cut.at), country.ravel()
        )

    def ndcg(self, queries: EvaluationQueries, met: CandidateFeatures, model: GlobalPersonalRanker) -> FloatArray:
        """(n_lists,) NDCG@10 of what accounts would be answered."""
        scores = shrink_to_country(model.logits(met), met, self.options.half_weight_acts)
        return queries.ndcg_of(scores.reshape(queries.posts.shape))

    def measured(self, models: Mapping[str, GlobalPersonalRanker | None]) -> dict[str, float]:
        """Mean NDCG@10 over the lists of the latest cut of these models and of what needs none, 0..1; nothing without
        lists."""
        cut, found = self.cuts[0], dict[str, list[FloatArray]]()
        popularity = DecayedPopularity(self.logits.decay)
        for queries in cut.queries:
            country, met = self.candidate_features(cut, queries, self.logits)
            values = {"decayed_popularity": queries.ndcg(popularity), "country": queries.ndcg_of(country)}
            values |= {name: self.ndcg(queries, met, model) for name, model in models.items() if model is not None}
            for name, value in values.items():
                found.setdefault(name, []).append(value)
        means = {name: float(np.concatenate(values).mean()) for name, values in found.items()}
        return means | {"lists": float(len(cut))} if means else {}


def promote(
    registry: Registry,
    ranker: GlobalPersonalRanker,
    metrics: dict[str, float],
    coldstart: Coldstart,
    now: datetime,
) -> None:
    """Keep the ranker and make it live."""
    manifest = Manifest(
        family=MEMBERS,
        key=GLOBAL_PERSONAL_KEY,
        version=ranker.version,
        trained_at=now,
        window=(now - coldstart.holdout - coldstart.examples_span, now - coldstart.holdout),
        features=FEATURES.names,
        fingerprint=FEATURES.fingerprint,
        metrics=metrics,
        libraries={"xgboost": trees.version()},
    )
    registry.add(Artifact(manifest, ranker.model))
    registry.promote(
        MEMBERS,
        GLOBAL_PERSONAL_KEY,
        ranker.version,
        instead_of=registry.live_version(MEMBERS, GLOBAL_PERSONAL_KEY),
        at=now,
    )
