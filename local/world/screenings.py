"""What an upstream text pipeline knows about each post."""

from dataclasses import dataclass

from numpy.random import Generator

from shared.columns import BoolArray, FloatArray


@dataclass(frozen=True, slots=True)
class Screenings:
    """One row per post.

    screened   (n,)  whether the post went through the content filter
    worth      (n,)  0..1, lower is more like junk
    diversity  (n,)  of the text, 0..1
    promotion  (n,)  0, 0.5 or 1, higher is more like an advertisement
    described  (n,)  whether language and topic are known to the application
    """

    screened: BoolArray
    worth: FloatArray
    diversity: FloatArray
    promotion: FloatArray
    described: BoolArray


def draw_screenings(rng: Generator, posts: int) -> Screenings:
    """Draw what the pipeline knows; it never saw some posts."""
    return Screenings(
        screened=rng.random(posts) < 0.95,
        worth=rng.beta(8, 2, posts),
        diversity=rng.beta(6, 2, posts),
        promotion=rng.choice([0.0, 0.5, 1.0], posts, p=[0.93, 0.05, 0.02]),
        described=rng.random(posts) < 0.92,
    )
