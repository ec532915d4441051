"""Re-ranking for diversity: limits runs of one author or topic, and gives every n-th slot to a new author."""

from collections.abc import Callable

import numpy as np

from functions.feed.candidate_sources import Candidates
from functions.feed.options import Home
from functions.feed.post_index import PostIndex
from shared.columns import FloatArray, IntArray


def diversify(
    post_index: PostIndex,
    candidates: Candidates,
    logits: FloatArray,
    options: Home,
    limit: int,
    visible: Callable[[IntArray], IntArray],
) -> tuple[list[int], list[int]]:
    """Rows of the selected candidates, at most `limit`, in their order on the page; and rows of those that turned out
    not to be visible.

    The best come first, except that at most `max_consecutive` posts that follow one another share an author or a topic,
    as far as other candidates allow, and that every `exploration_interval`-th slot goes to the best post of a new
    author.

    logits   (n,) of the candidates, higher is better
    visible  returns those of some posts, positions in the index, that may be shown; it is asked for the best candidates
             first, and for more only where those do not suffice
    """
    order = np.argsort(-logits, kind="stable").tolist()
    regular = [row for row in order if candidates.sources[row][0] != "new"]
    exploratory = [row for row in order if candidates.sources[row][0] == "new"]
    selected, refused, checked = list[int](), list[int](), set[int]()

    def check(rows: list[int]) -> None:
        """Drop from both queues those of these rows that are not visible."""
        posts = set(visible(candidates.post[rows]).tolist())
        checked.update(row for row in rows if candidates.post[row] in posts)
        refused.extend(gone := {row for row in rows if row not in checked})
        for queue in (regular, exploratory):
            queue[:] = [row for row in queue if row not in gone] if gone else queue

    ahead, interval = 2 * limit, options.exploration_interval
    check([*regular[:ahead], *exploratory[: ahead // interval + 1 if interval else 0]])
    while len(selected) < limit and (regular or exploratory):
        slot = len(selected) + 1
        explores = bool(exploratory and interval) and slot % interval == 0
        queue = exploratory if explores or not regular else regular
        run = candidates.post[selected[-options.max_consecutive :]]
        authors, topics = saturated(post_index, run) if len(run) == options.max_consecutive else (set(), set())
        fresh = (at for at, row in enumerate(queue) if not repeats(post_index, candidates.post[row], authors, topics))
        first = next(fresh, 0)
        if queue[first] in checked:
            selected.append(queue.pop(first))
        else:
            check([row for row in queue[first:] if row not in checked][:ahead])
            ahead *= 2
    return selected, refused


def saturated(post_index: PostIndex, run: IntArray) -> tuple[set[int], set[int]]:
    """Numbers of the author and of the topics that all posts of a run share; a run is (n,) positions, one at least."""
    authors = set(post_index.author[run].tolist())
    topics = [set(post_index.topics_of(run[at : at + 1])[1].tolist()) for at in range(len(run))]
    return authors if len(authors) == 1 else set(), set.intersection(*topics)


def repeats(post_index: PostIndex, post: int, authors: set[int], topics: set[int]) -> bool:
    """Whether a post is by one of these authors, or has one of these topics."""
    if int(post_index.author[post]) in authors:
        return True
    first, end = post_index.topic_start[post : post + 2]
    return not topics.isdisjoint(post_index.topic[first:end].tolist())
