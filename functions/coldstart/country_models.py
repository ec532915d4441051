"""Models of single countries: trained on a country's own examples, kept live, or given up for a parent's model.

The parent of the base country is the model of all countries; the parent of every other country is the base country.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from functions.coldstart.training import Training, mean_ndcg
from shared.countries import COUNTRIES, UNKNOWN_COUNTRY
from shared.ranking.country_ranker import COUNTRY, GLOBAL_KEY, CountryModel
from shared.ranking.country_training import COUNTRY_LEARNING_RATE
from shared.ranking.evaluation_queries import EvaluationQueries
from shared.ranking.options import Coldstart


def train_countries(training: Training, global_model: CountryModel | None) -> None:
    """Train a model for each country with enough data, the base country first, and promote it if it beats its parent.

    A country that has a live model, and no longer enough data for another, keeps it unless it is surely worse than its
    parent. Without a model of all countries nothing is trained.
    """
    options = training.options
    if global_model is None:
        return
    queries_of = {
        COUNTRIES[queries.country]: queries
        for queries in training.cuts[0].queries
        if queries.country != UNKNOWN_COUNTRY
    }
    data = {key: available_data(training, key, queries_of.get(key)) for key in COUNTRIES}
    with_data = {key for key, available in data.items() if is_enough(available)}
    with_model = training.registry.owners(COUNTRY) & set(COUNTRIES)
    parent = global_model
    for key in sorted(with_data | with_model, key=lambda country: (country != options.base_country, country)):
        if key in with_data:
            live = train_country(training, queries_of[key], parent)
        else:
            live = keep_unless_worse(training, key, queries_of.get(key), parent)
        if key == options.base_country:
            parent = live or parent
    noted = {outcome.key for outcome in training.outcomes}
    for key, available in data.items():
        if key not in noted and not is_enough(available) and (available["engagements"] or key in with_model):
            training.keep(COUNTRY, key, "too little data", available)


def available_data(training: Training, key: str, queries: EvaluationQueries | None) -> dict[str, float]:
    """How many engagements and lists to judge by a country has, and how many it needs for a model of its own."""
    options, engagements = training.options, training.history.engagements
    return {
        "engagements": float((engagements.country == COUNTRIES.index(key)).sum()),
        "engagements_needed": float(options.min_country_positives),
        "lists": float(len(queries) if queries else 0),
        "lists_needed": float(options.min_country_queries),
    }


def is_enough(available: Mapping[str, float]) -> bool:
    """Whether there is as much of everything as is needed."""
    return all(available[name] >= available[f"{name}_needed"] for name in ("engagements", "lists"))


def keep_unless_worse(
    training: Training, key: str, queries: EvaluationQueries | None, parent: CountryModel
) -> CountryModel | None:
    """The country's live model; None if there is none, or if it was given up.

    It is given up if it is worse than the parent by `min_gain_se` standard errors over the queries that there are,
    however few.
    """
    live = training.rankers.own(COUNTRY, key)
    if live is None or queries is None or len(queries) < 2:
        return live
    loss = queries.ndcg(parent) - queries.ndcg(live)
    if loss.mean() <= training.options.min_gain_se * loss.std(ddof=1) / np.sqrt(len(loss)):
        return live
    ndcg = {"ndcg_live": queries.ndcg(live).mean(), "ndcg_parent": queries.ndcg(parent).mean()}
    return give_up(training, key, ndcg | {"lists": float(len(queries))})


def give_up(training: Training, key: str, measures: Mapping[str, float]) -> CountryModel | None:
    """Make a country that has a model of its own an alias of its parent; a frozen one keeps it, and it is returned."""
    return training.give_up(COUNTRY, key, _parent_of(key, training.options), measures)


def train_country(training: Training, queries: EvaluationQueries, parent: CountryModel) -> CountryModel | None:
    """Continue the parent's trees with the country's own examples; returns the model that is live afterwards, if any.

    The new model is promoted if it beats the parent by `min_gain_se` standard errors, and the live model by anything.
    If it is not, a live model that is worse than the parent is given up.
    """
    options, key = training.options, COUNTRIES[queries.country]
    live = training.rankers.own(COUNTRY, key)
    model = replace(training.trainer, decay=parent.decay).fit(
        training.cuts[0],
        options.max_country_positives,
        options.country_rounds,
        COUNTRY_LEARNING_RATE,
        country=queries.country,
        start=parent.model,
    )
    parent_ndcg = queries.ndcg(parent)
    live_ndcg = queries.ndcg(live) if live else None
    measures = {"ndcg_parent": float(parent_ndcg.mean()), "lists": float(len(queries))}
    measures |= {} if live_ndcg is None else {"ndcg_live": float(live_ndcg.mean())}
    if model:
        challenger = CountryModel(key, training.version, model, parent.decay, parent.weight)
        ndcg = queries.ndcg(challenger)
        gain = ndcg - parent_ndcg
        gain_needed = options.min_gain_se * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        measures |= {"ndcg_model": float(ndcg.mean()), "gain": float(gain.mean()), "gain_needed": float(gain_needed)}
        if gain.mean() > gain_needed and (live_ndcg is None or ndcg.mean() > live_ndcg.mean()):
            metrics = mean_ndcg([queries], challenger, {"live": live, "parent": parent})
            return training.promote(COUNTRY, challenger, metrics, measures)
    if live_ndcg is not None and live_ndcg.mean() < parent_ndcg.mean():
        return give_up(training, key, measures)
    training.keep(COUNTRY, key, "not better", measures)
    return live


def write_aliases(training: Training, now: datetime) -> int:
    """Make every country without a model of its own an alias of its parent; returns how many documents changed."""
    with_model = training.registry.owners(COUNTRY)
    changed = 0
    for parent in (training.options.base_country, GLOBAL_KEY):
        keys = [key for key in COUNTRIES if key not in with_model and _parent_of(key, training.options) == parent]
        changed += training.registry.write_alias(COUNTRY, keys, parent, at=now)
    return changed


def _parent_of(country: str, options: Coldstart) -> str:
    return GLOBAL_KEY if country == options.base_country else options.base_country
