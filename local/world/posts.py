"""Posts: what is published, by whom, about what, and of which quality."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from local.world.draws import DAY, choose_by_row, dirichlet_rows, falling_shares, to_milliseconds
from local.world.people import People
from local.world.sizes import WorldOptions
from local.world.vocabulary import COUNTRIES, languages_of
from shared.columns import BoolArray, FloatArray, IntArray

KINDS = ("short", "blog", "image")
IMAGE = KINDS.index("image")
COPY_REACH = 2000  # posts that a recast or quote goes back at most
NO_POST = -1


@dataclass(frozen=True, slots=True)
class Authors:
    """The people who publish, a fifth of all.

    person  (n,)            index into People
    weight  (n,)            share of all posts, sums to 1
    topics  (n, n_topics)   share of each topic in their posts, rows sum to 1
    skill   (n,)            factor of the quality of their posts, above 0
    """

    person: IntArray
    weight: FloatArray
    topics: FloatArray
    skill: FloatArray


@dataclass(frozen=True, slots=True)
class Posts:
    """One row per post, oldest first.

    author                   (n,)  index into Authors
    created_at, updated_at   (n,)  [s from now]
    topic, language, kind    (n,)  index into TOPICS, languages_of(countries), KINDS
    quality                  (n,)  pull on readers, mean near 1, heavy-tailed
    original                 (n,)  index of the post that is recast or quoted, NO_POST for most
    recast                   (n,)  whether a copy is a recast; else it is a quote
    deleted, photos          (n,)  whether it is deleted, and its number of photos
    """

    author: IntArray
    created_at: FloatArray
    updated_at: FloatArray
    topic: IntArray
    language: IntArray
    kind: IntArray
    quality: FloatArray
    original: IntArray
    recast: BoolArray
    deleted: BoolArray
    photos: IntArray


def draw_authors(rng: Generator, people: People) -> Authors:
    """Draw who publishes; authors write mostly about the topics that they like."""
    n = max(10, len(people.country) // 5)
    person = rng.permutation(len(people.country))[:n]
    return Authors(
        person=person,
        weight=falling_shares(n, 0.8),
        topics=dirichlet_rows(rng, 0.05 + 3.0 * people.taste[person]),
        skill=rng.lognormal(0.0, 0.7, n),
    )


def draw_posts(rng: Generator, options: WorldOptions, people: People, authors: Authors) -> Posts:
    """Draw everything published before now."""
    n = options.contents
    author = rng.choice(len(authors.person), n, p=authors.weight)
    created_at = to_milliseconds(np.sort(rng.random(n) - 1.0) * options.days * DAY)
    kind = rng.choice(len(KINDS), n, p=[0.72, 0.16, 0.12])
    original, recast = _copies(rng, n)
    return Posts(
        author=author,
        created_at=created_at,
        updated_at=_last_edits(rng, created_at),
        topic=choose_by_row(rng, authors.topics[author]),
        language=_languages(rng, options.countries, people.country[authors.person[author]]),
        kind=kind,
        quality=_quality(rng, authors.skill[author] / authors.skill.mean()),
        original=original,
        recast=recast,
        deleted=rng.random(n) >= 0.985,
        photos=_photos(rng, kind),
    )


def _last_edits(rng: Generator, created_at: FloatArray) -> FloatArray:
    """(n,) moments of the last edit [s from now]: one post in twenty is edited, some hours later and not after now."""
    edited = rng.random(len(created_at)) < 0.05
    delay = rng.exponential(7200.0, len(created_at))
    return to_milliseconds(np.where(edited, np.minimum(0.0, created_at + delay), created_at))


def _languages(rng: Generator, countries: int, author_country: IntArray) -> IntArray:
    """(n,) language of each post: that of the author's country, or English in three of ten."""
    languages = languages_of(countries)
    home = np.array([languages.index(c.language) for c in COUNTRIES[:countries]])
    return np.where(rng.random(len(author_country)) < 0.3, languages.index("en"), home[author_country])


def _quality(rng: Generator, skill: FloatArray) -> FloatArray:
    """(n,) Zipf weights in a random order, times the author's skill.

    skill  (n,) of each post's author
    """
    zipf = (rng.permutation(len(skill)) + 1.0) ** -0.75
    quality: FloatArray = zipf / zipf.mean() * skill
    return quality


def _copies(rng: Generator, n: int) -> tuple[IntArray, BoolArray]:
    """(original, recast), both (n,): about a tenth of the posts copy an earlier one that is no copy itself."""
    share = rng.random(n)
    is_copy = (share < 0.12) & (np.arange(n) >= 50)
    oldest = np.maximum(0, np.arange(n) - COPY_REACH)
    source = rng.integers(oldest, np.maximum(1, np.arange(n)))
    original = np.where(is_copy & ~is_copy[source], source, NO_POST)
    return original, share < 0.08


def _photos(rng: Generator, kind: IntArray) -> IntArray:
    """(n,) number of photos: short posts have none to three, the others one to four."""
    of_short = rng.choice(4, len(kind), p=[0.6, 0.25, 0.1, 0.05])
    return np.where(kind == KINDS.index("short"), of_short, rng.integers(1, 5, len(kind)))
