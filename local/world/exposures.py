"""Exposures: what everybody saw in the feed, when, and for how long."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from local.world.draws import DAY, to_milliseconds
from local.world.engagements import Engagements
from local.world.people import People
from local.world.posts import Posts
from local.world.sizes import WorldOptions
from local.world.timelines import Timelines
from local.world.viewers import MANNERS, Viewers
from shared.columns import BoolArray, FloatArray, IntArray

RECENT_BOT = 3 * DAY  # within which a bot was last seen [s]
ENGAGED_RATIO = 0.15  # of the feed items show a post that the viewer engages with


@dataclass(frozen=True, slots=True)
class Exposures:
    """One row per feed item, viewer by viewer, each viewer's in order of time.

    viewer         (n,)  index into People
    post           (n,)  index into Posts
    seen_at        (n,)  [s from now]
    off_screen_at  (n,)  [s from now]; nan where the phone never reported it, before seen_at where its clock jumped
    score          (n,)  of a ranker, above 0, higher is better
    personal       (n,)  whether the post came from the viewer's own sources
    """

    viewer: IntArray
    post: IntArray
    seen_at: FloatArray
    off_screen_at: FloatArray
    score: FloatArray
    personal: BoolArray

    def __len__(self) -> int:
        return len(self.viewer)


def draw_exposures(
    rng: Generator, options: WorldOptions, people: People, posts: Posts, viewers: Viewers, past: Engagements
) -> Exposures:
    """Draw what everybody, people and bots, saw before now."""
    viewer = np.repeat(np.arange(options.users), viewers.views)
    reading, gap = _rhythm(rng, viewers, viewer)
    seen_at = to_milliseconds(_moments(rng, float(posts.created_at[0]), viewers, viewer, gap))
    post = _seen_posts(rng, options, posts, past, viewer, seen_at)
    interest = people.taste[viewer, posts.topic[post]]
    interested = np.array([m.interested for m in MANNERS])[viewers.manner[viewer]]
    reading = np.where(interested, reading * (0.6 + 6.0 * interest), reading)
    return Exposures(
        viewer=viewer,
        post=post,
        seen_at=seen_at,
        off_screen_at=to_milliseconds(_reported_ends(rng, seen_at, reading)),
        score=rng.gamma(2.0, 0.5, len(viewer)) * (0.3 + 4.0 * interest),
        personal=rng.random(len(viewer)) < 0.55,
    )


def _rhythm(rng: Generator, viewers: Viewers, viewer: IntArray) -> tuple[FloatArray, FloatArray]:
    """(reading, gap), both (n,) [s]: the time that each post is read, and the time since the view before it."""
    n, manner = len(viewer), viewers.manner[viewer]
    pace, spread, noise = viewers.pace[viewer], viewers.spread[viewer], rng.standard_normal(n)
    even = np.array([m.even for m in MANNERS])[manner]
    reading = np.where(even, np.maximum(0.3, pace * (1.0 + spread * noise)), pace * np.exp(spread * noise))
    ratio, shape, scale, floor = np.array([m.tail for m in MANNERS]).T[:, manner]
    lingering = reading * np.where(rng.random(n) < ratio, rng.pareto(shape) * scale + floor, 1.0)
    mean, sigma = np.array([m.between for m in MANNERS]).T[:, manner]
    noise = rng.standard_normal(n)
    between = np.where(even, np.maximum(0.05, mean + sigma * noise), np.exp(mean + sigma * noise))
    ratio, mean, sigma = np.array([m.pause for m in MANNERS]).T[:, manner]
    pause = np.where(rng.random(n) < ratio, rng.lognormal(mean, sigma), 0.0)
    delays = np.array([m.tail_delays for m in MANNERS])[manner]
    return lingering, np.where(delays, lingering, reading) + between + pause


def _moments(rng: Generator, opening: float, viewers: Viewers, viewer: IntArray, gap: FloatArray) -> FloatArray:
    """(n,) moments when each view began [s from now], between the first post and now.

    opening  moment of the first post [s from now]
    gap      (n,) time since the view before [s]
    """
    people, span = len(viewers.views), -opening
    elapsed = gap.cumsum()
    start = np.concatenate([[0.0], elapsed])[viewers.views.cumsum() - viewers.views]
    total = np.bincount(viewer, gap, people)
    scale = np.minimum(1.0, 0.98 * span / np.maximum(total, 1e-9))  # shortens the gaps of who would not fit the span
    slack = np.where(viewers.is_bot, np.minimum(RECENT_BOT, span - total * scale), 0.02 * span)
    begin = -rng.random(people) * slack - total * scale
    at: FloatArray = begin[viewer] + (elapsed - start[viewer]) * scale[viewer]
    return np.minimum(at, -1.0)


def _seen_posts(
    rng: Generator, options: WorldOptions, posts: Posts, past: Engagements, viewer: IntArray, seen_at: FloatArray
) -> IntArray:
    """(n,) a recent post, or now and then the one that the viewer engages with next, where it was published by then."""
    published = np.searchsorted(posts.created_at, seen_at)
    mean_rank = max(20.0, options.contents / options.days * 1.2)  # of the shown post, newest first: some 1.2 days
    post: IntArray = np.maximum(0, published - 1 - rng.geometric(1.0 / mean_rank, len(viewer)))
    lines = Timelines.of(past.person, past.at, options.users)
    engagements = lines.counts(viewer)
    rows = np.flatnonzero((rng.random(len(viewer)) < ENGAGED_RATIO) & (engagements > 0))
    person, at = viewer[rows], seen_at[rows]
    position = np.minimum(lines.earlier(person, at), engagements[rows] - 1)
    engaged = past.post[lines.at_position(person, position)]
    is_published = posts.created_at[engaged] < at
    post[rows[is_published]] = engaged[is_published]
    return post


def _reported_ends(rng: Generator, seen_at: FloatArray, reading: FloatArray) -> FloatArray:
    """(n,) reported moments when views ended [s from now]: one in 25 is nan, one in 250 lies before its view."""
    lost = rng.random(len(seen_at)) < 0.04
    backwards = rng.random(len(seen_at)) < 0.004
    return np.where(lost, np.nan, seen_at + np.where(backwards, -reading, reading))
