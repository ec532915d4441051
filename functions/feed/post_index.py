"""The posts that a feed may show, as arrays in memory: what rankers need of them, and what finds them."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.feed.lookup import Lookup
from shared.clock import DAY_HOURS, epoch_hours
from shared.columns import BoolArray, FloatArray, IntArray, distinct, id_array, id_keys, object_ids, positions
from shared.ranking.chains import Chains
from shared.ranking.counters import RELATIONS, all_of, relation_keys, relations
from shared.ranking.country_scores import Margins
from shared.ranking.decay import Decay
from shared.ranking.history import LANGUAGE_CODES, NOBODYS, READ, History
from shared.store.visibility import Known

NAME = "posts"  # of its snapshot


@dataclass(frozen=True)
class Catalogue:
    """Published posts, oldest first. No slots: what several ask for is computed once.

    ids, created        (n,) ids, and moments                                   [hours since 1970]
    author, author_ids  (n,) number of the author, (n_authors,) ids
    language            (n,) as in the history
    topic_start, topic  (n + 1,) and (n_pairs,): post i has topic[topic_start[i]:topic_start[i + 1]]
    topic_keys          (n_topics,)
    popularity          (n,) engagements                                        [count]
    reads               (n,) each halved every 24 hours                         [count]
    directions          (n, d) rows of length 1, or 0 where nothing is known: posts of one public point the same way
    meanings            (n, m) what the texts mean, in small; 0 where that is not known
    quality             (n,) factor of the upstream filter, above 0
    characters          (n,) of the text                                        [count]
    version_of          (n,) key of the last post of what it repeats or quotes, its own where it does neither
    visible             (n,) whether it could be shown to anybody when this was made
    chain_start         (n + 1,): post i repeats or quotes, down its chain, those from chain_start[i] to
                        chain_start[i + 1] of the next two
    chain_posts, chain_authors  (n_links,) ids, and ids of their authors; some of them are not in the catalogue
    owner, chain_owners  (n,) and (n_links,) ids of the accounts of the authors; zeros where there is none
    countries, margins  (n_countries,) those with a taste of their own, NOBODYS among them, and (n_countries, n) what
                        their rankers say                                       [log odds]
    by_relation         (4, n) the same for any other country, were the language foreign, English, its own or unknown
    line                (2,) slope and intercept of margins over decayed popularity, for posts that are not here
    decay               (2,) of that popularity: its half-life [hours], and the part that never fades
    """

    ids: NDArray[np.void]
    created: FloatArray
    author: NDArray[np.int32]
    author_ids: NDArray[np.void]
    language: NDArray[np.int16]
    topic_start: NDArray[np.int32]
    topic: NDArray[np.int32]
    topic_keys: NDArray[np.uint64]
    popularity: NDArray[np.float32]
    reads: NDArray[np.float32]
    directions: NDArray[np.float16]
    meanings: NDArray[np.int8]
    quality: NDArray[np.float32]
    characters: NDArray[np.int32]
    version_of: NDArray[np.uint64]
    visible: NDArray[np.bool_]
    chain_start: NDArray[np.int32]
    chain_posts: NDArray[np.void]
    chain_authors: NDArray[np.void]
    owner: NDArray[np.void]
    chain_owners: NDArray[np.void]
    countries: NDArray[np.int16]
    margins: NDArray[np.float16]
    by_relation: NDArray[np.float16]
    line: FloatArray
    decay: FloatArray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls,
        margins: Margins,
        chains: Chains,
        directions: NDArray[np.float32],
        meanings: NDArray[np.int8],
        quality: FloatArray,
        base: int,
    ) -> "Catalogue":
        """Every post of the history, in its order.

        base  the country that stands in for those without a taste of their own
        """
        history, posts = margins.history, margins.history.posts
        first = np.unique(posts.author, return_index=True)[1]
        counters = margins.counters
        acts = np.bincount(history.acts.post, minlength=len(posts)).astype(np.float64)
        countries = [NOBODYS, *margins.with_taste()]
        by_relation = margins.by_relation(base)
        here = epoch_hours(history.now)
        return cls(
            ids=posts.ids,
            created=posts.created + here,
            author=posts.author.astype(np.int32),
            author_ids=posts.author_ids[first],
            language=posts.language.astype(np.int16),
            topic_start=counters.topic_start.astype(np.int32),
            topic=posts.topic.astype(np.int32),
            topic_keys=posts.topic_keys,
            popularity=acts.astype(np.float32),
            reads=recent_reads(history).astype(np.float32),
            directions=directions.astype(np.float16),
            meanings=meanings,
            quality=quality.astype(np.float32),
            characters=posts.characters.astype(np.int32),
            version_of=chains.root,
            visible=chains.visible,
            chain_start=chains.start.astype(np.int32),
            chain_posts=chains.posts,
            chain_authors=chains.authors,
            owner=chains.owner,
            chain_owners=chains.owners,
            countries=np.array(countries, np.int16),
            margins=np.array([margins.of(one) for one in countries]).astype(np.float16),
            by_relation=by_relation.astype(np.float16),
            line=line_through(margins.decay.margins(acts, -posts.created), by_relation[RELATIONS]),
            decay=np.array([margins.decay.half_life_hours, margins.decay.floor]),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything by name, for a snapshot."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def later(self) -> FloatArray:
        """(n,) posts of the same author since each."""
        order = np.lexsort((self.created, self.author))
        counts = np.bincount(self.author, minlength=len(self.author_ids))
        end = np.cumsum(counts)
        later = np.empty(len(self))
        later[order] = end[self.author[order]] - 1 - np.arange(len(self))
        return later

    @cached_property
    def newest(self) -> FloatArray:
        """(n_authors,) when each author last posted [hours since 1970]."""
        newest = np.full(len(self.author_ids), -np.inf)
        np.maximum.at(newest, self.author, self.created)
        return newest

    @cached_property
    def acts_of_author(self) -> FloatArray:
        """(n_authors,) engagements with all posts of each author here [count]."""
        return np.asarray(np.bincount(self.author, self.popularity, len(self.author_ids)), np.float64)

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """(n,) of the ids."""
        return id_keys(self.ids)

    @cached_property
    def chain_of(self) -> IntArray:
        """(n_links,) the post whose chain each is of."""
        return np.repeat(np.arange(len(self)), np.diff(self.chain_start))

    @cached_property
    def of_version(self) -> Lookup:
        """Posts by the keys of their versions."""
        return Lookup(self.version_of)

    @cached_property
    def _chains_with(self) -> Lookup:
        return Lookup(id_keys(self.chain_posts))

    @cached_property
    def _chains_by(self) -> Lookup:
        return Lookup(id_keys(self.chain_authors))

    @cached_property
    def _authors_of(self) -> Lookup:
        return Lookup(self.author_keys)

    @cached_property
    def author_keys(self) -> NDArray[np.uint64]:
        return id_keys(self.author_ids)

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.uint64], IntArray]:
        order = np.argsort(self.keys, kind="stable")
        return self.keys[order], order

    @cached_property
    def _by_author(self) -> tuple[IntArray, IntArray]:
        """Posts author by author, the newest first, and where each author's begin."""
        order = np.lexsort((-self.created, self.author))
        return order, np.searchsorted(self.author[order], np.arange(len(self.author_ids) + 1))

    def positions(self, ids: NDArray[np.void]) -> IntArray:
        """(m,) where each id stands, -1 where it does not."""
        if not len(self):
            return np.full(len(ids), -1)
        ascending, order = self._sorted
        keys = id_keys(ids)
        at = np.minimum(np.searchsorted(ascending, keys), len(ascending) - 1)
        return np.where(ascending[at] == keys, order[at], -1)

    def by_authors(self, authors: list[ObjectId], most: int, barred: BoolArray) -> IntArray:
        """The newest posts of each of these authors that are not barred, at most so many of each.

        barred  (n,)
        """
        order, start = self._by_author
        number = positions(id_keys(id_array(authors)), self.author_keys)
        parts = [order[start[one] : start[one + 1]] for one in number[number >= 0].tolist()]
        posts = np.concatenate(parts) if parts else np.empty(0, np.int64)
        posts = posts[~barred[posts]]
        first = np.r_[True, np.diff(self.author[posts]) != 0].nonzero()[0] if len(posts) else posts
        rank = np.arange(len(posts)) - np.repeat(first, np.diff(np.r_[first, len(posts)]))
        newest: IntArray = posts[rank < most]
        return newest

    def by_any(self, authors: Iterable[ObjectId]) -> BoolArray:
        """(n,) whether one of these authors wrote a post, or something that it repeats or quotes."""
        keys = np.unique(id_keys(id_array(authors)))
        order, start = self._by_author
        by: BoolArray = np.zeros(len(self), bool)
        by[all_of(start, order, self._authors_of(keys))[1]] = True
        by[self.chain_of[self._chains_by(keys)]] = True
        return by

    def leading_to(self, ids: NDArray[np.void]) -> IntArray:
        """(n_found,) posts that repeat or quote one of these, down their chains."""
        return self.chain_of[self._chains_with(np.unique(id_keys(ids)))]

    def links_of(self, post: IntArray) -> Known:
        """These posts, all that they lead to, and who wrote and owns that, as of when this was made."""
        link = self.chains_of(post)[1]
        goes_on = link + 1 < self.chain_start[self.chain_of[link] + 1]
        leads = self.chain_start[post] < self.chain_start[post + 1]
        columns = (
            np.concatenate([self.ids[post], self.chain_posts[link]]),
            np.concatenate([self.ids[post[leads]], self.chain_posts[link[goes_on]]]),
            self.chain_posts[link],
            np.concatenate([self.author_ids[self.author[post]], self.chain_authors[link]]),
            np.concatenate([self.owner[post], self.chain_owners[link]]),
        )
        return Known(*(object_ids(distinct(column)) for column in columns))

    def chains_of(self, post: IntArray) -> tuple[IntArray, IntArray]:
        """All that these posts repeat or quote, down their chains: position in `post`, and among the links; both
        (n_found,)."""
        return all_of(self.chain_start, np.arange(len(self.chain_posts)), post)

    def authors_of(self, post: IntArray) -> list[set[ObjectId]]:
        """Who wrote each of these posts, and what it repeats or quotes."""
        authors = [{author} for author in object_ids(self.author_ids[self.author[post]])]
        row, link = self.chains_of(post)
        for at, author in zip(row.tolist(), object_ids(self.chain_authors[link]), strict=True):
            authors[at].add(author)
        return authors

    def topics_of(self, post: IntArray) -> tuple[IntArray, IntArray]:
        """Every topic of each of these posts: position in `post`, and topic; both (n_found,)."""
        return all_of(self.topic_start, self.topic, post)

    def relation(self, post: IntArray, country: int) -> FloatArray:
        """(m,) what the language of each post is to people of a country."""
        return relations(np.full(len(post), country), self.language[post].astype(np.int64))

    def country_margins(self, post: IntArray, country: int) -> FloatArray:
        """(m,) what the country's ranker says of these posts, the base country's where it has no taste of its own."""
        own = np.flatnonzero(self.countries == country)
        if len(own):
            return np.asarray(self.margins[own[0], post], np.float64)
        relation = relation_keys(self.relation(post, country), unknown=RELATIONS)
        found: FloatArray = self.by_relation[relation, post].astype(np.float64)
        return found

    def guess(self, popularity: FloatArray, age: FloatArray) -> FloatArray:
        """(m,) a margin for posts that are not here, out of their engagements [count] and age [hours]."""
        half_life, floor = self.decay.tolist()
        return np.asarray(self.line[0] * Decay(half_life, floor).margins(popularity, age) + self.line[1])


def recent_reads(history: History) -> FloatArray:
    """(n_posts,) reads of each post until now, each halved every 24 hours."""
    read = history.seen.where(history.seen.kind == READ)
    return np.asarray(np.bincount(read.post, 0.5 ** (-read.at / DAY_HOURS), len(history.posts)), np.float64)


FINGERPRINT = f"{'.'.join(one.name for one in fields(Catalogue))} {len(LANGUAGE_CODES)}"


def line_through(x: FloatArray, y: FloatArray) -> FloatArray:
    """(2,) slope and intercept of the line with the least squares; 1 and 0 where there is nothing to fit.

    >>> line_through(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])).round(6).tolist()
    [2.0, 1.0]
    """
    if len(x) < 2 or np.ptp(x) == 0:
        return np.array([1.0, 0.0])
    return np.asarray(np.polyfit(x, y, 1))
