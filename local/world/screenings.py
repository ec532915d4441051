"""What an upstream text pipeline would have said about each post."""

from dataclasses import dataclass

from numpy.random import Generator

from shared.columns import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Screenings:
    """One row a post.

    screened   (n,)  the post went through the content filter
    worth      (n,)  0..1, higher is less like junk
    diversity  (n,)  0..1 of the text
    promotion  (n,)  0, 0.5 or 1
    described  (n,)  language and topic are known to the application
    """

    screened: BoolArray
    worth: FloatArray
    diversity: FloatArray
    promotion: FloatArray
    described: BoolArray


def draw_screenings(rng: Generator, posts: int) -> Screenings:
    """Draw what the pipeline left, with some posts it never saw."""
    return Screenings(
        screened=rng.random(posts) < 0.95,
        worth=rng.beta(8, 2, posts),
        diversity=rng.beta(6, 2, posts),
        promotion=rng.choice([0.0, 0.5, 1.0], posts, p=[0.93, 0.05, 0.02]),
        described=rng.random(posts) < 0.92,
    )
