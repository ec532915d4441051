"""An index in memory of the posts that a feed may show: their features, embeddings and logits by country, and searches
by id, author and repost chain."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from bson import ObjectId
from numpy.typing import NDArray

from functions.feed.lookup import Lookup
from shared.columns import (
    BoolArray,
    FloatArray,
    IdArray,
    IntArray,
    KeyArray,
    id_array,
    id_keys,
    lookup,
    lookup_sorted,
    object_ids,
    rank_within,
    unique_ids,
)
from shared.ranking.counters import RELATIONS, all_of, relation_keys, relations
from shared.ranking.decay import PopularityDecay
from shared.ranking.history import LANGUAGE_CODES
from shared.store.visibility import KnownChains

NAME = "posts"  # of its snapshot


@dataclass(frozen=True)
class PostIndex:
    """The n published posts of a window, oldest first; a post's position is its row in these arrays.

    ids, created        (n,) ids, and times of publication                      [hours since 1970]
    author, author_ids  (n,) number of the author, and (n_authors,) ids
    language            (n,) index into LANGUAGE_CODES, OTHER_LANGUAGE or UNKNOWN_LANGUAGE
    topic_start, topic  (n + 1,) and (n_pairs,): post i has topic[topic_start[i]:topic_start[i + 1]]
    topic_keys          (n_topics,) keys that a topic keeps from one index to the next
    popularity          (n,) engagements                                        [count]
    reads               (n,) each halved every 24 hours                         [count]
    item_factors        (n, d) embeddings by co-engagement, rows of length 1, or 0 for posts without events
    text_embeddings     (n, m) random projections of the embeddings of the texts, 0 where there is none
    quality             (n,) factor of the upstream filter, above 0, higher is better
    characters          (n,) length of the text                                 [characters]
    canonical_id        (n,) key of the last post of its repost chain, its own where it repeats or quotes nothing
    visible             (n,) whether anybody could be shown it when this was built
    chain_start         (n + 1,): the chain of post i, without itself, has the links chain_start[i]:chain_start[i + 1]
    chain_posts, chain_authors  (n_links,) ids of the posts that are repeated or quoted, which may be outside the index,
                        and of their authors
    owner, chain_owners (n,) and (n_links,) ids of the accounts of the authors; zeros where there is none
    countries, logits   (n_countries,) indices into COUNTRIES of those with enough engagements, and UNKNOWN_COUNTRY;
                        (n_countries, n) scores by their rankers                [log odds]
    by_relation         (4, n) scores for any other country, if the language of the post were foreign, English, the
                        country's own, or unknown                               [log odds]
    line                (2,) slope and intercept of logits over decayed popularity, for posts outside the index
    decay               (2,) of that popularity: half-life [hours], and the part that never fades, 0..1

    There are no slots, so that properties can be cached.
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

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by name, of any shape, for a snapshot."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def newer_posts_by_author(self) -> FloatArray:
        """(n,) posts of the same author that are newer than each [count]."""
        order = np.lexsort((self.created, self.author))
        counts = np.bincount(self.author, minlength=len(self.author_ids))
        end = np.cumsum(counts)
        newer = np.empty(len(self))
        newer[order] = end[self.author[order]] - 1 - np.arange(len(self))
        return newer

    @cached_property
    def last_post_at(self) -> FloatArray:
        """(n_authors,) when each author last posted [hours since 1970]."""
        last_post_at = np.full(len(self.author_ids), -np.inf)
        np.maximum.at(last_post_at, self.author, self.created)
        return last_post_at

    @cached_property
    def engagements_of_author(self) -> FloatArray:
        """(n_authors,) engagements with all indexed posts of each author [count]."""
        return np.asarray(np.bincount(self.author, self.popularity, len(self.author_ids)), np.float64)

    @cached_property
    def author_keys(self) -> KeyArray:
        """(n_authors,) keys of their ids."""
        return id_keys(self.author_ids)

    @cached_property
    def post_of_link(self) -> IntArray:
        """(n_links,) position of the post whose chain each link belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.chain_start))

    @cached_property
    def by_canonical_id(self) -> Lookup:
        """Positions of posts by `canonical_id`."""
        return Lookup(self.canonical_id)

    @cached_property
    def _links_to_post(self) -> Lookup:
        return Lookup(id_keys(self.chain_posts))

    @cached_property
    def _links_to_author(self) -> Lookup:
        return Lookup(id_keys(self.chain_authors))

    @cached_property
    def _author_numbers(self) -> Lookup:
        return Lookup(self.author_keys)

    @cached_property
    def _sorted_keys(self) -> tuple[KeyArray, IntArray]:
        keys = id_keys(self.ids)
        order = np.argsort(keys, kind="stable")
        return keys[order], order

    @cached_property
    def _posts_by_author(self) -> tuple[IntArray, IntArray]:
        """(n,) positions by author, the newest first, and (n_authors + 1,) where the posts of each author begin."""
        order = np.lexsort((-self.created, self.author))
        return order, np.searchsorted(self.author[order], np.arange(len(self.author_ids) + 1))

    def positions(self, ids: IdArray) -> IntArray:
        """(m,) position of each of m posts, -1 for those outside the index."""
        ascending, order = self._sorted_keys
        at = lookup_sorted(id_keys(ids), ascending)
        return np.where(at >= 0, order[at], -1) if len(self) else at

    def by_authors(self, authors: list[ObjectId], limit: int, excluded: BoolArray) -> IntArray:
        """(n_found,) positions of at most `limit` posts of each author that are not excluded, (n,), its newest."""
        order, start = self._posts_by_author
        numbers = lookup(id_keys(id_array(authors)), self.author_keys)
        parts = [order[start[number] : start[number + 1]] for number in numbers[numbers >= 0].tolist()]
        posts = np.concatenate(parts) if parts else np.empty(0, np.int64)
        posts = posts[~excluded[posts]]
        newest: IntArray = posts[rank_within(self.author[posts]) < limit]
        return newest

    def involves_authors(self, authors: Iterable[ObjectId]) -> BoolArray:
        """(n,) whether one of these authors wrote the post, or a post of its chain."""
        keys = np.unique(id_keys(id_array(authors)))
        order, start = self._posts_by_author
        involved: BoolArray = np.zeros(len(self), bool)
        involved[all_of(start, order, self._author_numbers(keys))[1]] = True
        involved[self.post_of_link[self._links_to_author(keys)]] = True
        return involved

    def reposts_of(self, ids: IdArray) -> IntArray:
        """(n_found,) positions of posts whose chain holds one of these posts."""
        return self.post_of_link[self._links_to_post(np.unique(id_keys(ids)))]

    def known_chains(self, post: IntArray) -> KnownChains:
        """These posts with their chains, authors and owners, as of when the index was built.

        post  (m,) positions
        """
        link = self.links_of(post)[1]
        has_next = link + 1 < self.chain_start[self.post_of_link[link] + 1]
        has_chain = self.chain_start[post] < self.chain_start[post + 1]
        columns = (
            np.concatenate([self.ids[post], self.chain_posts[link]]),
            np.concatenate([self.ids[post[has_chain]], self.chain_posts[link[has_next]]]),
            self.chain_posts[link],
            np.concatenate([self.author_ids[self.author[post]], self.chain_authors[link]]),
            np.concatenate([self.owner[post], self.chain_owners[link]]),
        )
        return KnownChains(*(object_ids(unique_ids(column)) for column in columns))

    def links_of(self, post: IntArray) -> tuple[IntArray, IntArray]:
        """Every link of the chains of these posts: row in `post`, and number of the link; both (n_found,)."""
        return all_of(self.chain_start, np.arange(len(self.chain_posts)), post)

    def chain_authors_of(self, post: IntArray) -> list[set[ObjectId]]:
        """For each of m posts, its author and the authors of its chain.

        post  (m,) positions
        """
        authors = [{author} for author in object_ids(self.author_ids[self.author[post]])]
        row, link = self.links_of(post)
        for number, author in zip(row.tolist(), object_ids(self.chain_authors[link]), strict=True):
            authors[number].add(author)
        return authors

    def topics_of(self, post: IntArray) -> tuple[IntArray, IntArray]:
        """Every topic of these posts: row in `post`, and number of the topic; both (n_found,)."""
        return all_of(self.topic_start, self.topic, post)

    def relation(self, post: IntArray, country: int) -> FloatArray:
        """(m,) relation of the language of each of m posts to a country: HOME, ENGLISH, FOREIGN, or nan."""
        return relations(np.full(len(post), country), self.language[post].astype(np.int64))

    def country_logits(self, post: IntArray, country: int) -> FloatArray:
        """(m,) scores of m posts by the country's ranker, by the base country's where it has none [log odds]."""
        row = np.flatnonzero(self.countries == country)
        if len(row):
            return np.asarray(self.logits[row[0], post], np.float64)
        relation = relation_keys(self.relation(post, country), unknown=RELATIONS)
        return np.asarray(self.by_relation[relation, post], np.float64)

    def estimated_logits(self, popularity: FloatArray, age: FloatArray) -> FloatArray:
        """(m,) logits of posts outside the index, by their engagements, (m,) [count], and age, (m,) [hours]."""
        half_life, floor = self.decay.tolist()
        return np.asarray(self.line[0] * PopularityDecay(half_life, floor).logits(popularity, age) + self.line[1])


FINGERPRINT = f"{'.'.join(field.name for field in fields(PostIndex))} {len(LANGUAGE_CODES)}"
