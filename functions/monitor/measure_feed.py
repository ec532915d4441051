"""Of what was shown and really seen, how much was engaged with afterwards."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from shared.clock import HOUR_MS, hours
from shared.columns import BoolArray, FloatArray, IntArray, id_keys, is_valid
from shared.config import MeasureFeed
from shared.ml.asof import AsOf
from shared.ml.rates import wilson
from shared.ranking.history import COUNTED, Accounts
from shared.report import Report
from shared.store import Store

SOURCES = ("personal", "global")  # of a feed item, as the application names them
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Impressions:
    """What was really seen, each post once for each viewer, at its first time.

    pair    (n,) one number for each viewer and post
    at      (n,) when it came on the screen [hours]
    source  (n,) index into SOURCES, -1 for none of them
    model   (n,) index into the names of models, -1 where it is not known
    """

    pair: IntArray
    at: FloatArray
    source: IntArray
    model: IntArray


def run(store: Store, options: MeasureFeed, *, now: datetime) -> Report:
    """Measure the latest day whose engagements have all come, and keep it. Safe to repeat.

    A day counts the posts that came on a screen in it, and what the same account did with them within `attribution`.
    """
    end = now - options.attribution
    start = end - options.day
    models = store.exposures.models(start, end)
    accounts = Accounts.read(store)
    exposures = accounts.exposures(store.exposures.shown(start, end, SOURCES, models))
    engagements = accounts.engagements(store.engagements.acts(start, now))
    viewer, actor = exposures["account"], engagements["account"]
    posts = np.unique(np.concatenate([id_keys(exposures["content"]), id_keys(engagements["content"])]))
    lasted = (exposures["until"] - exposures["at"]) / 1_000
    glimpsed = (lasted >= 0) & (lasted < options.least_seconds)
    sound = (viewer >= 0) & is_valid(exposures["content"]) & ~glimpsed
    pair = viewer * len(posts) + np.searchsorted(posts, id_keys(exposures["content"]))
    shown = first_of_each(pair[sound], *(exposures[name][sound] for name in ("at", "source", "model")))
    did = (actor >= 0) & (engagements["kind"] >= 0) & (engagements["kind"] < len(COUNTED))
    done = actor * len(posts) + np.searchsorted(posts, id_keys(engagements["content"]))
    engaged = engaged_with(shown, done[did], engagements["at"][did] / HOUR_MS, hours(options.attribution))
    left_out = {
        "tooShort": int(glimpsed.sum()),
        "unknownViewer": int(((viewer < 0) & ~glimpsed).sum()),
        "repeated": int(sound.sum()) - len(shown.pair),
    }
    store.feed_performances.put(
        scores(shown, engaged)
        | {
            "calculatedAt": now,
            "windowFrom": start,
            "windowTo": end,
            "attributionHours": hours(options.attribution),
            "overall": told(np.ones(len(engaged), bool), engaged),
            "sources": list(by_name(SOURCES, shown.source, engaged)),
            "models": list(by_name(models, shown.model, engaged)),
            "leftOut": left_out,
        }
    )
    return Report(len(viewer), 1, details={"seen": len(engaged), "engaged": int(engaged.sum())})


def first_of_each(pair: IntArray, at_ms: IntArray, source: IntArray, model: IntArray) -> Impressions:
    """The first exposure of each pair; `at_ms` in milliseconds since 1970."""
    order = np.lexsort((at_ms, pair))
    first = order[np.unique(pair[order], return_index=True)[1]]
    return Impressions(pair[first], at_ms[first] / HOUR_MS, source[first], model[first])


def engaged_with(shown: Impressions, done: IntArray, at: FloatArray, within: float) -> BoolArray:
    """(n,) whether an act followed each exposure within so many hours.

    done, at  (n_acts,) pair and moment of each act [hours]
    """
    pairs, place = np.unique(np.concatenate([shown.pair, done]), return_inverse=True)
    origin = float(np.concatenate([shown.at, at]).min()) if len(pairs) else 0.0
    acts = AsOf(place[len(shown.pair) :], at, origin)
    own = place[: len(shown.pair)]
    found: BoolArray = acts.count(own, shown.at + within) > acts.count(own, shown.at)
    return found


def scores(shown: Impressions, engaged: BoolArray) -> dict[str, float]:
    """Percent of what was seen that was engaged with, in the fields that the application reads; 0 where nothing was."""
    personal, anyone = (shown.source == number for number in range(len(SOURCES)))
    return {
        "personalize_content_feed_score_in_percent": percent(engaged[personal]),
        "coldstart_feed_score_in_percent": percent(engaged[anyone]),
        "overall_feed_score_in_percent": percent(engaged),
    }


def percent(engaged: BoolArray) -> float:
    """With two decimals.

    >>> percent(np.array([True, False, False])), percent(np.empty(0, bool))
    (33.33, 0.0)
    """
    return round(float(engaged.mean()) * 100, 2) if len(engaged) else 0.0


def told(chosen: BoolArray, engaged: BoolArray) -> dict[str, Any]:
    """Counts of some exposures, the part that was engaged with, and its 95 % interval."""
    seen, successes = int(chosen.sum()), int(engaged[chosen].sum())
    low, high = wilson(successes, seen)
    return {"seen": seen, "engaged": successes, "part": successes / seen if seen else 0.0, "from": low, "to": high}


def by_name(names: Sequence[str], number: IntArray, engaged: BoolArray) -> Iterator[dict[str, Any]]:
    """The same for each name, and for what has none."""
    for place, name in enumerate(names):
        yield {"name": name, **told(number == place, engaged)}
    if (number < 0).any():
        yield {"name": UNKNOWN, **told(number < 0, engaged)}
