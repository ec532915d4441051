"""The home page of an account: candidates are retrieved, ranked for the account, re-ranked and cut into a page."""

from datetime import datetime

import numpy as np
from bson import ObjectId

from functions.feed.feed_ranker import FeedRanker
from functions.feed.home_feed import HomeFeed
from functions.feed.options import Home
from functions.feed.pages import Item, Page, make_item
from functions.feed.requests import HomeRequest, limit_of
from functions.feed.store.home_pages import HomePages
from shared.columns import IntArray, id_array
from shared.store.deadline import TaskGroup


def run(
    feed_ranker: FeedRanker, options: Home, account: str, request: HomeRequest, *, paged: bool = True, now: datetime
) -> Page:
    """The next page of an account, the best items first.

    request  how many items, the option's number by default; which posts it must not hold; the cursor of the page before
    paged    whether the answer is to have a cursor for the next page

    It holds nothing that the account saw, engaged with or wrote, nothing that it excludes or that earlier pages held,
    nothing of users with whom it has a block, and of each canonical id one post only.

    Raises NotFound for an unknown account, BadEvent for a cursor that is none, Unavailable before a post index exists.
    """
    feed_ranker.refresh(now)
    limit, home_pages = limit_of(request.max_results, options.items), HomePages(feed_ranker.store)
    scoring, visibility = feed_ranker.scoring, feed_ranker.visibility
    with TaskGroup(feed_ranker.threads) as tasks:
        viewer = feed_ranker.viewer(ObjectId(account))
        reading = HomeFeed.start(tasks, feed_ranker, viewer, options, now=now)
        paging = home_pages.first(expires_at=now + options.cursor_valid)
        if request.cursor:
            paging = home_pages.given(viewer.account, request.cursor, now=now)
    feed = reading(np.concatenate([paging.posts, id_array(map(ObjectId, request.exclude))]))

    def still_visible(posts: IntArray) -> IntArray:
        """Those of these posts that may be shown now; the index may be some minutes old."""
        return visibility.still_visible(posts, feed.blocked)

    items, model = list[Item](), scoring.version_for(viewer)
    # One more item than the page holds shows that there is a next page.
    for chosen in feed.rounds(scoring, limit + 1, still_visible):
        posts, sources = chosen.candidates.post, chosen.candidates.sources
        items += [
            make_item(feed.post_index, posts[row], chosen.logits[row], sources[row][0], model)
            for row in chosen.selected
        ]
    shown = items[:limit]
    if not paged or len(items) <= limit:
        return Page(shown, "")
    return Page(shown, home_pages.add(viewer.account, paging, [item.content for item in shown]))
