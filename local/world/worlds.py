"""A whole world, drawn in order: people, their posts, follows, engagements and exposures, and reviews."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from local.world.engagements import Engagements, draw_engagements
from local.world.exposures import Exposures, draw_exposures
from local.world.follows import Follows, draw_follows
from local.world.people import People, draw_people
from local.world.posts import Authors, Posts, draw_authors, draw_posts
from local.world.reviews import Reviews, draw_reviews
from local.world.screenings import Screenings, draw_screenings
from local.world.sizes import WorldOptions
from local.world.viewers import Viewers, draw_viewers
from shared.errors import BadConfig


@dataclass(frozen=True, slots=True)
class World:
    """Everything as arrays; `now` separates the past from the held-out future, and moments are in seconds from it."""

    options: WorldOptions
    now: datetime
    people: People
    authors: Authors
    posts: Posts
    follows: Follows
    past: Engagements
    held_out: Engagements
    viewers: Viewers
    exposures: Exposures
    reviews: Reviews
    screenings: Screenings


def build_world(options: WorldOptions, *, now: datetime) -> World:
    """Draw a world around `now`, cut to the whole second; another `now` moves the same world in time.

    Raises BadConfig where `now` has no time zone.
    """
    if now.tzinfo is None:
        raise BadConfig("now must say its time zone")
    # A random generator per part: a change in how one part is drawn leaves the parts before it as they are.
    of_people, of_authors, of_posts, of_follows, of_engagements, of_viewers, of_exposures, of_reviews, of_screenings = (
        np.random.default_rng(options.seed).spawn(9)
    )
    people = draw_people(of_people, options)
    authors = draw_authors(of_authors, people)
    posts = draw_posts(of_posts, options, people, authors)
    follows = draw_follows(of_follows, people, authors)
    past, held_out = draw_engagements(of_engagements, options, people, authors, posts, follows)
    viewers = draw_viewers(of_viewers, options, people)
    exposures = draw_exposures(of_exposures, options, people, posts, viewers, past)
    return World(
        options=options,
        now=now.astimezone(UTC).replace(microsecond=0),
        people=people,
        authors=authors,
        posts=posts,
        follows=follows,
        past=past,
        held_out=held_out,
        viewers=viewers,
        exposures=exposures,
        reviews=draw_reviews(of_reviews, options, viewers, exposures),
        screenings=draw_screenings(of_screenings, len(posts.author)),
    )
