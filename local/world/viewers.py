"""How much everybody reads, in which manner, and who is a bot."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from local.world.people import People
from local.world.sizes import WorldOptions
from shared.columns import BoolArray, FloatArray, IntArray

HEAVY_VIEWS = (540, 680)  # range of the views of a heavy reader: enough for one window of reading times
MIN_HEAVY = 20  # people
MIN_BOTS = 6
STEADY_RATIO = 0.25  # of the people in a hard world read at an even pace


@dataclass(frozen=True, slots=True)
class Manner:
    """How one kind of viewer reads and scrolls.

    between      time between two views, lognormal: (log mean, log standard deviation) [s]
    pause        long pauses: (ratio of the views, log mean, log standard deviation) [s]
    tail         long views: (ratio, shape, scale, floor); they last Pareto(shape) x scale + floor times as long
    tail_delays  whether the next view waits for the end of a long one
    even         whether times are normal instead of lognormal
    interested   whether posts of favourite topics are read longer
    """

    is_bot: bool
    between: tuple[float, float]
    pause: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tail: tuple[float, float, float, float] = (0.0, 1.0, 0.0, 1.0)
    tail_delays: bool = False
    even: bool = False
    interested: bool = False


_LONG_VIEWS = (0.03, 1.2, 10.0, 5.0)
_AWAY = (0.06, 8.5, 1.2)
_RESTING = (0.04, 7.5, 1.0)
MANNERS = (
    Manner(False, (0.3, 0.9), _AWAY, _LONG_VIEWS, tail_delays=True, interested=True),
    Manner(False, (0.3, 0.9), _AWAY, _LONG_VIEWS, tail_delays=True),
    Manner(True, (1.0, 0.08), even=True),
    Manner(True, (0.2, 0.35), _RESTING),
    Manner(True, (0.2, 0.7), _RESTING, (0.02, 1.5, 6.0, 3.0)),
)
NATURAL, STEADY, METRONOME, JITTERING, IMITATING = range(len(MANNERS))


@dataclass(frozen=True, slots=True)
class Viewers:
    """One row per person.

    views   (n,)  feed items [count]
    heavy   (n,)  whether the person reads enough for reading features
    manner  (n,)  index into MANNERS
    pace    (n,)  median reading time [s]
    spread  (n,)  of reading times: standard deviation of the logarithm, or relative when even
    """

    views: IntArray
    heavy: BoolArray
    manner: IntArray
    pace: FloatArray
    spread: FloatArray

    @property
    def is_bot(self) -> BoolArray:
        """(n,) the truth that detectors are measured against."""
        return np.array([m.is_bot for m in MANNERS])[self.manner]


def draw_viewers(rng: Generator, options: WorldOptions, people: People) -> Viewers:
    """Draw the number of views and the manner of everybody; all bots are heavy readers."""
    n = options.users
    heavy = _heavy(rng, options, people)
    bot = np.zeros(n, bool)
    bots = max(MIN_BOTS, int(options.bot_ratio * len(heavy)))
    bot[rng.choice(heavy, min(bots, len(heavy)), replace=False)] = True
    manner = _manners(rng, options, bot)
    is_heavy = np.zeros(n, bool)
    is_heavy[heavy] = True
    return Viewers(
        views=_views(rng, options, people, heavy),
        heavy=is_heavy,
        manner=manner,
        pace=np.where(bot, rng.uniform(1.5, 6.0, n), rng.lognormal(1.0, 0.6, n)),
        spread=_spreads(rng, options, manner),
    )


def _heavy(rng: Generator, options: WorldOptions, people: People) -> IntArray:
    """(n_heavy,) about the most active people, who see four fifths of all feed items."""
    n = min(options.users, max(MIN_HEAVY, int(0.8 * options.feed_items / 620)))
    noisy = people.activity + rng.random(options.users) * people.activity.max() * 0.05
    return np.argsort(-noisy)[:n]


def _views(rng: Generator, options: WorldOptions, people: People, heavy: IntArray) -> IntArray:
    """(n_people,) feed items that each person sees; they sum up to `feed_items`, unless everybody is heavy."""
    views = np.zeros(options.users, np.int64)
    views[heavy] = rng.integers(*HEAVY_VIEWS, len(heavy))
    if views.sum() > options.feed_items:
        views = views * options.feed_items // views.sum()
    light = np.setdiff1d(np.arange(options.users), heavy)
    if len(light):
        share = people.activity[light] + 1e-6
        views[light] = rng.multinomial(options.feed_items - views.sum(), share / share.sum())
    return views


def _manners(rng: Generator, options: WorldOptions, bot: BoolArray) -> IntArray:
    """(n_people,) index into MANNERS; in an easy world every person is NATURAL and every bot a METRONOME."""
    of_bots = rng.integers(METRONOME, IMITATING + 1, len(bot))
    of_people = np.where(rng.random(len(bot)) < STEADY_RATIO, STEADY, NATURAL)
    if options.bots == "easy":
        return np.where(bot, METRONOME, NATURAL)
    return np.where(bot, of_bots, of_people)


def _spreads(rng: Generator, options: WorldOptions, manner: IntArray) -> FloatArray:
    """(n_people,) spread of the reading times, as in Viewers."""
    low = np.array([0.8, 0.3, 0.03, 0.35, 0.7])
    high = np.array([1.4, 0.6, 0.03, 0.6, 1.0])
    spread = rng.uniform(low[manner], high[manner])
    if options.bots == "easy":
        return np.where(manner == METRONOME, rng.choice([0.03, 0.08, 0.15], len(manner)), spread)
    return spread
