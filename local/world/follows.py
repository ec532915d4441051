"""Who follows whom."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from local.world.people import People
from local.world.posts import Authors
from shared.columns import FloatArray, IntArray

ROWS_AT_ONCE = 1000  # people: of a large world, (n_people, n_authors) does not fit into memory


@dataclass(frozen=True, slots=True)
class Follows:
    """Follows, person by person, the closest author first.

    starts  (n_people + 1,) where each person's follows begin in `author`
    author  (n_follows,)    index into Authors
    """

    starts: IntArray
    author: IntArray

    def of(self, person: int) -> IntArray:
        """(n,) authors that one person follows, index into Authors."""
        return self.author[self.starts[person] : self.starts[person + 1]]

    def counts(self) -> IntArray:
        """(n_people,) how many authors each person follows."""
        return np.diff(self.starts)

    def followers(self) -> IntArray:
        """(n_follows,) the person of each row of `author`."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts())


def draw_follows(rng: Generator, people: People, authors: Authors) -> Follows:
    """Draw about eight follows per person, without repetition, by topics, country, skill and output of the author."""
    n = len(people.country)
    counts = np.clip(rng.poisson(8, n), 2, len(authors.person) - 1)
    rows = [
        _closest(rng, _closeness(people, authors, first, min(n, first + ROWS_AT_ONCE)), int(counts.max()))
        for first in range(0, n, ROWS_AT_ONCE)
    ]
    is_follow = np.arange(counts.max()) < counts[:, None]
    return Follows(starts=np.concatenate([[0], counts.cumsum()]), author=np.concatenate(rows)[is_follow])


def _closeness(people: People, authors: Authors, first: int, last: int) -> FloatArray:
    """(last - first, n_authors) log weight of each author for the people from `first` on."""
    match = people.taste[first:last] @ authors.topics.T
    same_country = people.country[first:last, None] == people.country[authors.person][None, :]
    closeness: FloatArray = (
        np.log(match + 1e-4) + 0.8 * same_country + np.log(authors.skill) + 0.4 * np.log(authors.weight)
    )
    return closeness


def _closest(rng: Generator, closeness: FloatArray, k: int) -> IntArray:
    """(n, k) columns drawn without repetition in proportion to exp(closeness), by the Gumbel top-k trick.

    closeness  (n, n_authors) log weights
    """
    noisy = closeness + rng.gumbel(size=closeness.shape)
    largest = np.argpartition(-noisy, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(noisy, largest, axis=1), axis=1)
    return np.take_along_axis(largest, order, axis=1)
