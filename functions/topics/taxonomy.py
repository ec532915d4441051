"""The topics that a post may have: paths of two or three levels, each with phrases that describe it.

They stand in `taxonomy.tsv`, one a line: path, name, id in the IAB Content Taxonomy 3.1 where one matches, phrases. The
line of the path "-" has phrases of small talk: a post that is nearer to them than to any topic has none.
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
DEEPEST: Final = 3  # levels
SMALL_TALK: Final = "-"

_PATH = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True)
class Topic:
    """One node.

    path     slugs from the top, e.g. "sports/football"
    name     for people
    iab      id of the IAB's category of the same meaning; empty where it has none
    prototypes  what a post about it could say, in English
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
    """Topics in order, parents before their children, and phrases of what is no topic."""

    topics: tuple[Topic, ...]
    none_class_prototypes: tuple[str, ...]

    @cached_property
    def paths(self) -> tuple[str, ...]:
        return tuple(topic.path for topic in self.topics)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with any path or phrase, or their order; a name or an id may change freely."""
        rows = [(topic.path, *topic.prototypes) for topic in self.topics] + [(SMALL_TALK, *self.none_class_prototypes)]
        lines = "\n".join("\t".join(row) for row in rows)
        return hashlib.sha256(lines.encode()).hexdigest()[:12]

    def leaves(self) -> list[str]:
        """Paths without children."""
        parents = {topic.parent for topic in self.topics}
        return [path for path in self.paths if path not in parents]


def ancestors(path: str) -> Iterator[str]:
    """The paths above, the nearest first.

    >>> list(ancestors("entertainment/music/k-pop"))
    ['entertainment/music', 'entertainment']
    """
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


@lru_cache(maxsize=1)
def taxonomy() -> Taxonomy:
    """The taxonomy that is shipped."""
    return read(FILE.read_text(encoding="utf-8").splitlines())


def read(lines: Iterable[str]) -> Taxonomy:
    """The topics of these lines; BadConfig names the line that is not as it should be."""
    found: dict[str, Topic] = {}
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
        wrong = _fault_of(topic, found)
        if wrong:
            raise BadConfig(f"taxonomy, line {number + 1}: {path!r} {wrong}")
        found[path] = topic
    none_class_prototypes = found.pop(SMALL_TALK, None)
    if none_class_prototypes is None:
        raise BadConfig(f"taxonomy: has no line of small talk, whose path is {SMALL_TALK!r}")
    return Taxonomy(tuple(found.values()), none_class_prototypes.prototypes)


def _fault_of(topic: Topic, above: dict[str, Topic]) -> str:
    if not _PATH.fullmatch(topic.path) and topic.path != SMALL_TALK:
        return "is no path of slugs of a-z, 0-9 and dashes"
    if topic.path in above:
        return "stands there twice"
    if topic.parent and topic.parent not in above:
        return f"comes before its parent {topic.parent!r}"
    if topic.path.count("/") >= DEEPEST:
        return f"is deeper than {DEEPEST} levels"
    if not topic.name or not all(topic.prototypes):
        return "lacks a name or a phrase"
    return ""
