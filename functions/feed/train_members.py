"""Trains the global personal ranker, and promotes it if it orders later engagements better than the live one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
from msgspec.structs import replace

from functions.feed.affinity_counters import AffinityCounters, follow_pairs, read_follows
from functions.feed.candidate_features import FEATURES, CandidateFeatures
from functions.feed.global_personal_ranker import (
    GLOBAL_PERSONAL_KEY,
    HALF_WEIGHT_ENGAGEMENTS,
    MEMBERS,
    GlobalPersonalRanker,
    load_global_personal_ranker,
    shrink_to_country,
)
from functions.feed.item_embeddings import RECENT_POSTS, ItemEmbeddings
from functions.feed.options import Members
from shared.artifacts import Challenge, Registry, outcome_of
from shared.clock import DAY_HOURS
from shared.columns import FloatArray
from shared.ml import trees
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import GLOBAL, GLOBAL_KEY, DecayedPopularity, Rankers, SingleModelRankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.country_training import CountryTrainer
from shared.ranking.evaluation_queries import EvaluationQueries
from shared.ranking.examples import KIND_PRIOR, SKIPPED_WEIGHT, draw_examples
from shared.ranking.gain_estimate import GainEstimate
from shared.ranking.history import read_history
from shared.ranking.holdout import Cut, rolling_cuts, why_skipped
from shared.ranking.options import Coldstart
from shared.report import Detail, Report
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
HYPERPARAMETERS: Final = {  # as the manifest names them
    "recent_posts": RECENT_POSTS,
    "half_weight_acts": HALF_WEIGHT_ENGAGEMENTS,
    "kind_prior": KIND_PRIOR,
    "passed_over_weight": SKIPPED_WEIGHT,
}


def run(store: Store, registry: Registry, coldstart: Coldstart, options: Members, *, now: datetime) -> Report:
    """Train the global personal ranker, and make it live if its NDCG on the latest holdout is above the live one's.

    Its weight follows from the evidence that it improves on the countries' rankers. Where none is live, a weight above
    0 suffices. Without engagements to learn from, or people to evaluate on, nothing changes and the report says so.
    """
    with store.leases.hold(NAME):
        challenge = Challenge.begin(registry, MEMBERS, GLOBAL_PERSONAL_KEY, now=now)
        history = read_history(store, coldstart, now=now, with_exposures=True)
        counters = Counters(history)
        item_embeddings = ItemEmbeddings(history, RECENT_POSTS, DAY_HOURS)
        affinities = AffinityCounters(
            history, counters, follow_pairs(history, read_follows(store, history)), item_embeddings
        )
        logits = CountryScores(history, counters, np.empty(0, np.int64), Rankers(registry), coldstart)
        cuts = rolling_cuts(history, counters, coldstart, options.min_queries)
        training = MembersTraining(affinities, logits, cuts, coldstart, options)
        read = len(history.engagements)
        model = training.fit(cuts[0], logits)
        if not model or not any(map(len, cuts)):
            too_few = {"engagements": read, "lists": sum(map(len, cuts)), "engagements_needed": 1, "lists_needed": 1}
            challenge.conclude("too little data", too_few)
            return Report(read, details={"skipped": why_skipped(history, cuts)})
        live, refused = load_global_personal_ranker(registry)
        evidence = training.evidence_for(GlobalPersonalRanker(challenge.version, model, 1.0))
        challenger = GlobalPersonalRanker(challenge.version, model, evidence.weight)
        metrics = training.ndcg_of_models({"model": challenger, "live": live})
        promoted = evidence.is_promoted(metrics, has_live=live is not None)
        used = evidence.metrics() | {"engagements": float(read), "half_life_hours": logits.decay.half_life_hours}
        frozen: dict[str, Detail] = {}
        if promoted:
            holdout_start = now - cuts[0].options.holdout
            promoted = challenge.promote(
                model,
                window=(holdout_start - cuts[0].options.examples_span, holdout_start),
                features=FEATURES.names,
                fingerprint=FEATURES.fingerprint,
                metrics=metrics | used | {"hyperparameters": HYPERPARAMETERS},
                libraries={"xgboost": trees.version()},
            )
            frozen = {} if promoted else {"frozen": GLOBAL_PERSONAL_KEY}
        ndcg = {f"ndcg_{name}": round(value, 4) for name, value in metrics.items() if name != "lists"}
        challenge.conclude(
            outcome_of(promoted, is_frozen=bool(frozen)), ndcg | used | {"lists": metrics.get("lists", 0.0)}
        )
    rounded = {name: round(value, 4) for name, value in used.items()}
    return Report(read, int(promoted), details={**ndcg, **rounded, "refused": len(refused), **frozen})


@dataclass(frozen=True, slots=True)
class MembersTraining:
    """The data and options of one training.

    logits  by the live rankers of the countries
    cuts    moments that models are trained until and evaluated after, the latest first
    """

    affinities: AffinityCounters
    logits: CountryScores
    cuts: Sequence[Cut]
    coldstart: Coldstart
    options: Members

    def fit(self, cut: Cut, logits: CountryScores) -> bytes:
        """Trees fitted on the engagements before a cut, as XGBoost's UBJSON; empty without positives or negatives.

        logits  by the rankers of the countries, which the trees add to
        """
        options, rng = self.options, np.random.default_rng(0)
        example_options = replace(cut.options, negatives=options.negatives)
        examples = draw_examples(
            self.affinities.history, cut.interacted_pairs, example_options, rng, max_positives=options.max_positives
        )
        rows = np.flatnonzero(examples.account >= 0)
        label, weight = examples.label[rows], examples.weight[rows]
        if not label.any() or label.all():
            return b""
        account, post, at = examples.account[rows], examples.post[rows], examples.at[rows]
        country_logit = logits.at(post, examples.country[rows], at)
        return trees.fit(
            FEATURES.matrix(self.affinities.candidate_features(account, post, at, country_logit)),
            label,
            weight,
            parameters=_PARAMETERS | {"learning_rate": options.learning_rate, "max_depth": options.max_depth},
            rounds=options.rounds,
            monotone_sign=FEATURES.monotone_sign,
            base=country_logit - np.average(country_logit, weights=weight),
        )

    def evidence_for(self, model: GlobalPersonalRanker) -> GainEstimate:
        """The gain in NDCG of the trees over the countries' rankers, at every cut that has evaluation queries.

        At earlier cuts the trees are fitted anew, on the engagements before the cut; `model` is that of the latest.
        """
        people, gains, cuts = [np.empty(0, np.int64)], [np.empty(0)], 0
        for cut in filter(len, self.cuts):
            logits, ranker = self.logits, model
            if cut is not self.cuts[0]:
                logits = self.logits_at(cut)
                trees_at_cut = self.fit(cut, logits)
                if not trees_at_cut:
                    continue
                ranker = GlobalPersonalRanker(model.version, trees_at_cut, 1.0)
            cuts += 1
            for queries in cut.queries:
                country_logits, features = self.candidate_features(cut, queries, logits)
                people.append(queries.person)
                gains.append(self.ndcg(queries, features, ranker) - queries.ndcg_of(country_logits))
        return GainEstimate.of(np.concatenate(people), np.concatenate(gains), cuts)

    def logits_at(self, cut: Cut) -> CountryScores:
        """Logits by a global country model, fitted on what was before a cut, with the weight of the live one."""
        live = self.logits.rankers.own(GLOBAL, GLOBAL_KEY)
        learner = CountryTrainer(self.affinities.history, self.affinities.counters, self.logits.decay)
        model = learner.train_global(cut, live.version, live.weight) if live else None
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
        """(n_queries, n_candidates) logits of the country's ranker, and the features of all candidates, query by query,
        (n_queries · n_candidates,) each."""
        country_logits = queries.logits(logits.ranker_of(queries.country))
        post = queries.described[queries.posts]
        account = np.repeat(queries.person, post.shape[1])
        return country_logits, self.affinities.candidate_features(
            account, post.ravel(), np.full(post.size, cut.at), country_logits.ravel()
        )

    def ndcg(self, queries: EvaluationQueries, features: CandidateFeatures, model: GlobalPersonalRanker) -> FloatArray:
        """(n_queries,) NDCG@10, 0..1, of the order by the scores that accounts would get from this model.

        features  of the candidates, as `candidate_features` gives them
        """
        scores = shrink_to_country(model.logits(features), features)
        return queries.ndcg_of(scores.reshape(queries.posts.shape))

    def ndcg_of_models(self, models: Mapping[str, GlobalPersonalRanker | None]) -> dict[str, float]:
        """Mean NDCG@10, 0..1, over the queries of the latest cut, of these models, of decayed popularity and of the
        countries' rankers, and the number of queries; empty without queries."""
        cut, by_name = self.cuts[0], dict[str, list[FloatArray]]()
        popularity = DecayedPopularity(self.logits.decay)
        for queries in cut.queries:
            country_logits, features = self.candidate_features(cut, queries, self.logits)
            ndcg = {"decayed_popularity": queries.ndcg(popularity), "country": queries.ndcg_of(country_logits)}
            ndcg |= {name: self.ndcg(queries, features, model) for name, model in models.items() if model is not None}
            for name, values in ndcg.items():
                by_name.setdefault(name, []).append(values)
        means = {name: float(np.concatenate(values).mean()) for name, values in by_name.items()}
        return means | {"lists": float(len(cut))} if means else {}
