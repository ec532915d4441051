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
from shared.columns import BoolArray, FloatArray, IntArray, id_array, id_keys, lookup, object_ids, unique_ids
from shared.ranking.chains import RepostChains
from shared.ranking.counters import RELATIONS, all_of, relation_keys, relations
from shared.ranking.country_scores import CountryScores
from shared.ranking.decay import PopularityDecay
from shared.ranking.history import LANGUAGE_CODES, READ, UNKNOWN_COUNTRY, History
from shared.store.visibility import KnownChains

NAME = "posts"  # of its snapshot


@dataclass(frozen=True)
class PostIndex:
    """Published posts, oldest first. No slots: what several ask for is computed once.

    ids, created        (n,) ids, and moments                                   [hours since 1970]
    author, author_ids  (n,) number of the author, (n_authors,) ids
    language            (n,) as in the history
    topic_start, topic  (n + 1,) and (n_pairs,): post i has topic[topic_start[i]:topic_start[i + 1]]
    topic_keys          (n_topics,)
    popularity          (n,) engagements                                        [count]
    reads               (n,) each halved every 24 hours                         [count]
    item_factors        (n, d) rows of length 1, or 0 where nothing is known: posts of one public point the same way
    text_embeddings     (n, m) what the texts mean, in small; 0 where that is not known
    quality             (n,) factor of the upstream filter, above 0
    characters          (n,) of the text                                        [count]
    canonical_id        (n,) key of the last post of what it repeats or quotes, its own where it does neither
    visible             (n,) whether it could be shown to anybody when this was made
    chain_start         (n + 1,): post i repeats or quotes, down its chain, those from chain_start[i] to
                        chain_start[i + 1] of the next two
    chain_posts, chain_authors  (n_links,) ids, and ids of their authors; some of them are not in the catalogue
    owner, chain_owners  (n,) and (n_links,) ids of the accounts of the authors; zeros where there is none
    countries, logits   (n_countries,) those with a taste of their own, NOBODYS among them, and (n_countries, n) what
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
    item_factors: NDArray[np.float16]
    text_embeddings: NDArray[np.int8]
    quality: NDArray[np.float32]
    characters: NDArray[np.int32]
    canonical_id: NDArray[np.uint64]
    visible: NDArray[np.bool_]
    chain_start: NDArray[np.int32]
    chain_posts: NDArray[np.void]
    chain_authors: NDArray[np.void]
    owner: NDArray[np.void]
    chain_owners: NDArray[np.void]
    countries: NDArray[np.int16]
    logits: NDArray[np.float16]
    by_relation: NDArray[np.float16]
    line: FloatArray
    decay: FloatArray

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(
        cls,
        logits: CountryScores,
        chains: RepostChains,
        item_factors: NDArray[np.float32],
        text_embeddings: NDArray[np.int8],
        quality: FloatArray,
        base: int,
    ) -> "PostIndex":
        """Every post of the history, in its order.

        base  the country that stands in for those without a taste of their own
        """
        history, posts = logits.history, logits.history.posts
        first = np.unique(posts.author, return_index=True)[1]
        counters = logits.counters
        engagements = np.bincount(history.engagements.post, minlength=len(posts)).astype(np.float64)
        countries = [UNKNOWN_COUNTRY, *logits.countries_with_profile()]
        by_relation = logits.by_relation(base)
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
            popularity=engagements.astype(np.float32),
            reads=recent_reads(history).astype(np.float32),
            item_factors=item_factors.astype(np.float16),
            text_embeddings=text_embeddings,
            quality=quality.astype(np.float32),
            characters=posts.characters.astype(np.int32),
            canonical_id=chains.root,
            visible=chains.visible,
            chain_start=chains.start.astype(np.int32),
            chain_posts=chains.posts,
            chain_authors=chains.authors,
            owner=chains.owner,
            chain_owners=chains.owners,
            countries=np.array(countries, np.int16),
            logits=np.array([logits.of(one) for one in countries]).astype(np.float16),
            by_relation=by_relation.astype(np.float16),
            line=line_through(logits.decay.logits(engagements, -posts.created), by_relation[RELATIONS]),
            decay=np.array([logits.decay.half_life_hours, logits.decay.floor]),
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything by name, for a snapshot."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @cached_property
    def newer_posts_by_author(self) -> FloatArray:
        """(n,) posts of the same author since each."""
        order = np.lexsort((self.created, self.author))
        counts = np.bincount(self.author, minlength=len(self.author_ids))
        end = np.cumsum(counts)
        newer_posts_by_author = np.empty(len(self))
        newer_posts_by_author[order] = end[self.author[order]] - 1 - np.arange(len(self))
        return newer_posts_by_author

    @cached_property
    def last_post_at(self) -> FloatArray:
        """(n_authors,) when each author last posted [hours since 1970]."""
        last_post_at = np.full(len(self.author_ids), -np.inf)
        np.maximum.at(last_post_at, self.author, self.created)
        return last_post_at

    @cached_property
    def engagements_of_author(self) -> FloatArray:
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
    def of_canonical_id(self) -> Lookup:
        """Posts by the keys of their versions."""
        return Lookup(self.canonical_id)

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

    def by_authors(self, authors: list[ObjectId], most: int, excluded: BoolArray) -> IntArray:
        """The newest posts of each of these authors that are not barred, at most so many of each.

        excluded  (n,)
        """
        order, start = self._by_author
        number = lookup(id_keys(id_array(authors)), self.author_keys)
        parts = [order[start[one] : start[one + 1]] for one in number[number >= 0].tolist()]
        posts = np.concatenate(parts) if parts else np.empty(0, np.int64)
        posts = posts[~excluded[posts]]
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

    def links_of(self, post: IntArray) -> KnownChains:
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
        return KnownChains(*(object_ids(unique_ids(column)) for column in columns))

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
            return np.asarray(self.logits[own[0], post], np.float64)
        relation = relation_keys(self.relation(post, country), unknown=RELATIONS)
        found: FloatArray = self.by_relation[relation, post].astype(np.float64)
        return found

    def guess(self, popularity: FloatArray, age: FloatArray) -> FloatArray:
        """(m,) a margin for posts that are not here, out of their engagements [count] and age [hours]."""
        half_life, floor = self.decay.tolist()
        return np.asarray(self.line[0] * PopularityDecay(half_life, floor).logits(popularity, age) + self.line[1])


def recent_reads(history: History) -> FloatArray:
    """(n_posts,) reads of each post until now, each halved every 24 hours."""
    read = history.seen.where(history.seen.kind == READ)
    return np.asarray(np.bincount(read.post, 0.5 ** (-read.at / DAY_HOURS), len(history.posts)), np.float64)


FINGERPRINT = f"{'.'.join(one.name for one in fields(PostIndex))} {len(LANGUAGE_CODES)}"


def line_through(x: FloatArray, y: FloatArray) -> FloatArray:
    """(2,) slope and intercept of the line with the least squares; 1 and 0 where there is nothing to fit.

    >>> line_through(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])).round(6).tolist()
    [2.0, 1.0]
    """
    if len(x) < 2 or np.ptp(x) == 0:
        return np.array([1.0, 0.0])
    return np.asarray(np.polyfit(x, y, 1))
