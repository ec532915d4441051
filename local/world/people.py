"""The people of a world: their country, planted taste, activity and habits."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from local.world.draws import DAY, dirichlet_rows, falling_shares
from local.world.sizes import WorldOptions
from local.world.vocabulary import TOPICS
from shared.columns import BoolArray, FloatArray, IntArray

LIKING = np.array([[14.0, 2.4, 2.0, 1.0, 0.15]])  # concentrations of like, comment, recast, quote, report


@dataclass(frozen=True, slots=True)
class People:
    """One row per person.

    country    (n,)            index into COUNTRIES
    taste      (n, n_topics)   planted interest in each topic, rows sum to 1
    activity   (n,)            share of all engagements, sums to 1
    habits     (n, n_kinds)    share of each kind of engagement, rows sum to 1
    bilingual  (n,)            whether the person reads English besides the country's language
    located    (n,)            whether the application knows the country
    joined_at  (n,)            [s from now]
    """

    country: IntArray
    taste: FloatArray
    activity: FloatArray
    habits: FloatArray
    bilingual: BoolArray
    located: BoolArray
    joined_at: FloatArray


def draw_people(rng: Generator, options: WorldOptions) -> People:
    """Draw everybody; each country has at least one person, and a taste that its people share in part."""
    n = options.users
    country = rng.choice(options.countries, n, p=falling_shares(options.countries, 0.9))
    country[: options.countries] = np.arange(options.countries)
    activity = rng.lognormal(0.0, 1.1, n)
    located = rng.random(n) < 0.97
    located[: options.countries] = True
    taste = dirichlet_rows(rng, 0.15 + 5.0 * _country_tastes(rng, options.countries)[country])
    return People(
        country=country,
        taste=taste if options.tastes == "planted" else np.tile(taste.mean(0), (n, 1)),
        activity=activity / activity.sum(),
        habits=dirichlet_rows(rng, np.repeat(LIKING, n, axis=0)),
        bilingual=rng.random(n) < 0.6,
        located=located,
        joined_at=-options.days * DAY - rng.exponential(200 * DAY, n),
    )


def _country_tastes(rng: Generator, countries: int) -> FloatArray:
    """(countries, n_topics) taste of the whole world mixed with that of each country, rows sum to 1."""
    topics = len(TOPICS)
    everywhere = dirichlet_rows(rng, np.full((1, topics), 0.8))
    own = dirichlet_rows(rng, np.full((countries, topics), 0.35))
    return 0.4 * everywhere + 0.6 * own
