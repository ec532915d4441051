"""Which posts may be shown now: those of the post index are confirmed by two queries, others are read."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from bson import ObjectId

from functions.feed.post_index import PostIndex
from shared.columns import BoolArray, IdArray, IntArray, object_ids
from shared.store.deadline import DeadlineExecutor, TaskGroup
from shared.store.visibility import Visibility


@dataclass(frozen=True, slots=True)
class VisiblePosts:
    """Which of m posts may be shown.

    post        (m,) positions in the post index, -1 for posts outside it
    as_indexed  (m,) whether a post may be shown, and is as the index has it
    read        of the other posts those that may be shown, which were read: by row, the authors of the post and of its
                repost chain
    """

    post: IntArray
    as_indexed: BoolArray
    read: Mapping[int, set[ObjectId]]

    def without_authors(self, authors: Collection[ObjectId], post_index: PostIndex | None) -> BoolArray:
        """(m,) which may be shown, are by none of these authors, and repeat or quote nothing of theirs."""
        visible = self.as_indexed.copy()
        if post_index is not None and authors and visible.any():
            visible &= ~post_index.involves_authors(authors)[self.post]
        for row, chain_authors in self.read.items():
            visible[row] = chain_authors.isdisjoint(authors)
        return visible


class VisibilityCheck:
    """Asks the database which posts may be shown, and remembers which have changed since the index was built.

    threads  run the queries; none of these methods may be called on one of them
    """

    def __init__(self, visibility: Visibility, post_index: PostIndex | None, threads: DeadlineExecutor) -> None:
        self._visibility, self.post_index, self._threads = visibility, post_index, threads
        self._changed: BoolArray = np.zeros(0 if post_index is None else len(post_index), bool)

    def start(self, tasks: TaskGroup, ids: IdArray, post: IntArray) -> Callable[[], VisiblePosts]:
        """Begin to ask which of m posts may be shown now to a viewer without blocks. Returns the call that waits for
        the answer.

        ids   (m,)
        post  (m,) their positions in the index, -1 for posts outside it
        """
        post_index = self.post_index
        if post_index is None or not len(post_index):
            read = tasks.submit(self._read, ids, np.arange(len(ids)))
            return lambda: VisiblePosts(post, np.zeros(len(ids), bool), read.result())
        as_indexed = (post >= 0) & post_index.visible[post] & ~self._changed[post]
        return self._start(tasks, post_index, ids, post, as_indexed)

    def visible(self, ids: IdArray, post: IntArray) -> VisiblePosts:
        """The answer to the question that `start` begins to ask, of m posts; ids and post, (m,), as there."""
        with TaskGroup(self._threads) as tasks:
            return self.start(tasks, ids, post)()

    def visible_to(self, visible: VisiblePosts, ids: IdArray, blocked: Collection[ObjectId]) -> BoolArray:
        """(m,) which of these posts may be shown now to a viewer who has blocks with these users.

        Where posts of blocked users are among them, the remaining posts are checked once more without those. One check
        accepts every author of its posts for each of them, so it would miss that another post is by a blocked author
        now, or repeats or quotes one.

        visible  the answer for the posts with these ids, (m,)
        """
        allowed = visible.without_authors(blocked, self.post_index)
        remaining = np.flatnonzero(allowed | ~visible.as_indexed)
        if len(remaining) < len(ids):
            checked = self.visible(ids[remaining], visible.post[remaining])
            allowed[remaining] = checked.without_authors(blocked, self.post_index)
        return allowed

    def still_visible(self, post: IntArray, blocked: Collection[ObjectId]) -> IntArray:
        """(n_found,) those of these posts, visible when the index was built, that may still be shown to a viewer who
        has blocks with these users, and have the author that the index names; positions in the index, as `post`."""
        post_index = self.post_index
        assert post_index is not None
        with TaskGroup(self._threads) as tasks:
            visible = self._start(tasks, post_index, post_index.ids[post], post, ~self._changed[post])()
        allowed = visible.without_authors(blocked, post_index)
        indexed_authors = object_ids(post_index.author_ids[post_index.author[post[list(visible.read)]]])
        for (row, authors), author in zip(visible.read.items(), indexed_authors, strict=True):
            allowed[row] &= author in authors
        return post[allowed]

    def _start(
        self, tasks: TaskGroup, post_index: PostIndex, ids: IdArray, post: IntArray, as_indexed: BoolArray
    ) -> Callable[[], VisiblePosts]:
        """Begin to ask which of m posts may be shown; those that are not as the index has them, by `as_indexed`, (m,),
        are read.

        Where one of the others is not visible any more, all are read, and those that changed are remembered.
        """
        indexed, remaining = post[as_indexed], np.flatnonzero(~as_indexed)
        chains = post_index.known_chains(indexed)
        confirmed = [
            tasks.submit(confirm, chains)
            for confirm in (self._visibility.posts_still_shown, self._visibility.authors_still_shown)
        ]
        others = tasks.submit(self._read, ids, remaining) if len(remaining) else None

        def finish() -> VisiblePosts:
            read = others.result() if others else {}
            if all(answer.result() for answer in confirmed):
                return VisiblePosts(post, as_indexed, read)
            read = self._read(ids, np.arange(len(ids)), chains.originals)
            rows = zip(np.flatnonzero(as_indexed).tolist(), post_index.chain_authors_of(indexed), strict=True)
            self._changed[indexed] = [read.get(row) != authors for row, authors in rows]
            return VisiblePosts(post, np.zeros(len(ids), bool), read)

        return finish

    def _read(self, ids: IdArray, rows: IntArray, expected: Sequence[ObjectId] = ()) -> dict[int, set[ObjectId]]:
        """Those of the posts in these rows of `ids` that may be shown, by row, with the authors of the post and of its
        chain, as the database has them now.

        expected  posts that the chains are known to lead to; they are read in the same query
        """
        if not len(rows):
            return {}
        posts = object_ids(ids[rows])
        authors = self._visibility.posts(posts, expected)
        return {row: authors[post] for row, post in zip(rows.tolist(), posts, strict=True) if post in authors}
