"""How many impressions were followed by an engagement, day by day."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from functions.monitor.options import MeasureFeed
from functions.monitor.store.feed_performances import FeedPerformances
from shared.clock import HOUR_MS, hours
from shared.columns import BoolArray, Columns, FloatArray, IntArray, id_keys, is_valid
from shared.engagement_kinds import POSITIVE_KINDS
from shared.ml.asof import AsOf
from shared.ml.rates import wilson
from shared.ranking.accounts import Accounts
from shared.report import Report
from shared.store import Store

SOURCES = ("personal", "global")  # of a feed item, as the application names them
UNKNOWN = "unknown"
MIN_SECONDS: Final = 1.0  # on the screen from which a post was seen, where they are known


@dataclass(frozen=True, slots=True)
class Impressions:
    """The first impression of each post for each viewer.

    pair    (n,) one number for each viewer and post
    at      (n,) when it came on the screen [hours since 1970]
    source  (n,) index into SOURCES, -1 for any other
    model   (n,) index into the names of models, -1 if unknown
    """

    pair: IntArray
    at: FloatArray
    source: IntArray
    model: IntArray


@dataclass(frozen=True, slots=True)
class Measured:
    """The impressions of a day, and what came of them.

    engaged   (n,) whether the viewer engaged with the post within the attribution time
    left_out  exposures that do not count, by reason  [count]
    read      exposures that were read  [count]
    """

    impressions: Impressions
    engaged: BoolArray
    left_out: dict[str, int]
    read: int


def run(store: Store, options: MeasureFeed, *, now: datetime) -> Report:
    """Measure the latest day of which all attributed engagements are known, and store it. Safe to repeat.

    A day counts the posts that came on a screen in it, and the engagements of the same accounts with them within
    `attribution`.
    """
    end = now - options.attribution
    start = end - options.day
    models = store.exposures.models(start, end)
    accounts = Accounts.read(store)
    exposures = accounts.exposures(store.exposures.shown(start, end, SOURCES, models))
    engagements = accounts.engagements(store.engagements.between(start, now))
    measured = attribute(exposures, engagements, options)
    impressions, engaged = measured.impressions, measured.engaged
    FeedPerformances(store).put(
        scores(impressions, engaged)
        | {
            "calculatedAt": now,
            "windowFrom": start,
            "windowTo": end,
            "attributionHours": hours(options.attribution),
            "overall": counts_of(np.ones(len(engaged), bool), engaged),
            "sources": list(by_name(SOURCES, impressions.source, engaged)),
            "models": list(by_name(models, impressions.model, engaged)),
            "leftOut": measured.left_out,
        }
    )
    return Report(measured.read, 1, details={"seen": len(engaged), "engaged": int(engaged.sum())})


def attribute(exposures: Columns, engagements: Columns, options: MeasureFeed) -> Measured:
    """The impressions among the exposures, and whether an engagement of the viewer followed each.

    An exposure is an impression if its viewer and post are known and it lasted at least `MIN_SECONDS`, or for an
    unknown or negative time.

    exposures, engagements  as `Accounts.exposures` and `Accounts.engagements` give them
    """
    viewer, actor = exposures["account"], engagements["account"]
    posts = np.unique(np.concatenate([id_keys(exposures["content"]), id_keys(engagements["content"])]))
    shown_s = (exposures["until"] - exposures["at"]) / 1_000
    too_short = (shown_s >= 0) & (shown_s < MIN_SECONDS)
    is_impression = (viewer >= 0) & is_valid(exposures["content"]) & ~too_short
    shown_pair = viewer * len(posts) + np.searchsorted(posts, id_keys(exposures["content"]))
    columns = (exposures[name][is_impression] for name in ("at", "source", "model"))
    impressions = first_of_each(shown_pair[is_impression], *columns)
    is_engagement = (actor >= 0) & (engagements["kind"] >= 0) & (engagements["kind"] < len(POSITIVE_KINDS))
    engaged_pair = actor * len(posts) + np.searchsorted(posts, id_keys(engagements["content"]))
    engaged_at = engagements["at"][is_engagement] / HOUR_MS
    engaged = engaged_with(impressions, engaged_pair[is_engagement], engaged_at, hours(options.attribution))
    left_out = {
        "tooShort": int(too_short.sum()),
        "unknownViewer": int(((viewer < 0) & ~too_short).sum()),
        "repeated": int(is_impression.sum()) - len(impressions.pair),
    }
    return Measured(impressions, engaged, left_out, len(viewer))


def first_of_each(pair: IntArray, at_ms: IntArray, source: IntArray, model: IntArray) -> Impressions:
    """The first impression of each pair, out of (n,) each; `at_ms` in milliseconds since 1970."""
    order = np.lexsort((at_ms, pair))
    first = order[np.unique(pair[order], return_index=True)[1]]
    return Impressions(pair[first], at_ms[first] / HOUR_MS, source[first], model[first])


def engaged_with(impressions: Impressions, pair: IntArray, at: FloatArray, within: float) -> BoolArray:
    """(n,) whether an engagement followed each impression within so many hours.

    pair, at  (n_engagements,) pair and moment of each engagement [hours since 1970]
    """
    pairs, number = np.unique(np.concatenate([impressions.pair, pair]), return_inverse=True)
    origin = float(np.concatenate([impressions.at, at]).min()) if len(pairs) else 0.0
    engagements = AsOf(number[len(impressions.pair) :], at, origin)
    keys = number[: len(impressions.pair)]
    is_later: BoolArray = engagements.count(keys, impressions.at + within) > engagements.count(keys, impressions.at)
    return is_later


def scores(impressions: Impressions, engaged: BoolArray) -> dict[str, float]:
    """Percent of the impressions that were engaged with, in the fields that the application reads; 0 without any.

    engaged  (n,) whether each impression was engaged with
    """
    is_personal, is_global = (impressions.source == number for number in range(len(SOURCES)))
    return {
        "personalize_content_feed_score_in_percent": percent(engaged[is_personal]),
        "coldstart_feed_score_in_percent": percent(engaged[is_global]),
        "overall_feed_score_in_percent": percent(engaged),
    }


def percent(engaged: BoolArray) -> float:
    """Mean of (n,) in percent, 0..100, rounded to two decimals; 0 without any.

    >>> percent(np.array([True, False, False])), percent(np.empty(0, bool))
    (33.33, 0.0)
    """
    return round(float(engaged.mean()) * 100, 2) if len(engaged) else 0.0


def counts_of(rows: BoolArray, engaged: BoolArray) -> dict[str, Any]:
    """Of the impressions of a mask: how many there are, how many were engaged with, the share of these, 0..1, and its
    95 % confidence interval.

    rows     (n,) the mask
    engaged  (n,) whether each impression was engaged with
    """
    impressions, successes = int(rows.sum()), int(engaged[rows].sum())
    low, high = wilson(successes, impressions)
    return {
        "seen": impressions,
        "engaged": successes,
        "part": successes / impressions if impressions else 0.0,
        "from": low,
        "to": high,
    }


def by_name(names: Sequence[str], number: IntArray, engaged: BoolArray) -> Iterator[dict[str, Any]]:
    """The counts of each name, then of UNKNOWN if there are impressions without a name.

    number  (n,) index into the names, -1 for none of them
    """
    for index, name in enumerate(names):
        yield {"name": name, **counts_of(number == index, engaged)}
    if (number < 0).any():
        yield {"name": UNKNOWN, **counts_of(number < 0, engaged)}
