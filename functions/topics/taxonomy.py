"""The taxonomy: the topics that a post may have, as paths of one to three levels with phrases that describe each.

`taxonomy.tsv` has one topic a line: path, name, id in the IAB Content Taxonomy 3.1 where a category matches, phrases.
The line with the path "-" has phrases of small talk: a post that is nearer to them than to any topic has no topic.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from shared.errors import BadConfig

FILE: Final = Path(__file__).with_name("taxonomy.tsv")
HEAD: Final = "path\tname\tiab\tphrases"
MAX_LEVELS: Final = 3
NONE_CLASS: Final = "-"

_PATH = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the taxonomy.

    path        slugs from the top, e.g. "sports/football"
    name        as people read it
    iab         id of the IAB category with the same meaning; empty where there is none
    prototypes  phrases in English that a post about the topic could contain
    """

    path: str
    name: str
    iab: str
    prototypes: tuple[str, ...]

    @property
    def slug(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> str:
        """The path directly above; empty for a topic of the first level."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class Taxonomy:
    """Topics in a fixed order, parents before their children, and phrases of small talk, which is no topic."""

    topics: tuple[Topic, ...]
    none_class_prototypes: tuple[str, ...]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        return tuple(topic.path for topic in self.topics)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all paths and phrases and their order; names and ids may change freely."""
        rows = [(topic.path, *topic.prototypes) for topic in self.topics] + [(NONE_CLASS, *self.none_class_prototypes)]
        lines = "\n".join("\t".join(row) for row in rows)
        return hashlib.sha256(lines.encode()).hexdigest()[:12]

    def leaves(self) -> list[str]:
        """The paths of topics without children."""
        parents = {topic.parent for topic in self.topics}
        return [path for path in self.paths if path not in parents]


def ancestors(path: str) -> Iterator[str]:
    """The paths above a path, the nearest first.

    >>> list(ancestors("entertainment/music/k-pop"))
    ['entertainment/music', 'entertainment']
    """
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


@lru_cache(maxsize=1)
def taxonomy() -> Taxonomy:
    """The taxonomy of `taxonomy.tsv`."""
    return read(FILE.read_text(encoding="utf-8").splitlines())


def read(lines: Iterable[str]) -> Taxonomy:
    """The taxonomy of these lines; BadConfig names the first line with a fault."""
    topics: dict[str, Topic] = {}
    for number, line in enumerate(lines):
        if number == 0:
            if line != HEAD:
                raise BadConfig(f"taxonomy: begins with {line!r} instead of {HEAD!r}")
            continue
        fields = line.split("\t")
        if len(fields) != 4:
            raise BadConfig(f"taxonomy, line {number + 1}: has {len(fields)} fields instead of 4")
        path, name, iab, prototypes = fields
        topic = Topic(path, name, iab, tuple(phrase.strip() for phrase in prototypes.split("|")))
        fault = _fault_of(topic, topics)
        if fault:
            raise BadConfig(f"taxonomy, line {number + 1}: {path!r} {fault}")
        topics[path] = topic
    none_class = topics.pop(NONE_CLASS, None)
    if none_class is None:
        raise BadConfig(f"taxonomy: has no line of small talk, whose path is {NONE_CLASS!r}")
    return Taxonomy(tuple(topics.values()), none_class.prototypes)


def _fault_of(topic: Topic, above: dict[str, Topic]) -> str:
    """What is wrong with a topic, given those of the lines above it; empty where nothing is."""
    if not _PATH.fullmatch(topic.path) and topic.path != NONE_CLASS:
        return "is no path of slugs of a-z, 0-9 and dashes"
    if topic.path in above:
        return "stands there twice"
    if topic.parent and topic.parent not in above:
        return f"comes before its parent {topic.parent!r}"
    if topic.path.count("/") >= MAX_LEVELS:
        return f"is deeper than {MAX_LEVELS} levels"
    if not topic.name or not all(topic.prototypes):
        return "lacks a name or a phrase"
    return ""
