"""The home page of an account: candidates are retrieved, ranked for the account, re-ranked and cut into a page."""

from datetime import datetime

import numpy as np
from bson import ObjectId

from functions.feed.candidate_sources import (
    GuestFeedReader,
    excluded_posts,
    past_interactions,
    retrieve_candidates,
)
from functions.feed.diversify import diversify
from functions.feed.feed_ranker import FeedRanker
from functions.feed.options import Home
from functions.feed.pages import Item, Page, make_item
from functions.feed.requests import HomeRequest, limit_of
from functions.feed.store.home_pages import HomePages
from functions.feed.store.relationships import Relationships
from shared.columns import IntArray, id_array
from shared.errors import Unavailable
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
    store, visibility, limit = feed_ranker.store, feed_ranker.visibility, limit_of(request.max_results, options.items)
    home_pages, relationships = HomePages(store), Relationships(store)
    post_index = visibility.post_index
    if post_index is None:
        raise Unavailable("there is no catalogue of posts yet; refresh_catalogue makes it")
    with TaskGroup(feed_ranker.threads) as tasks:
        viewer = feed_ranker.viewer(ObjectId(account))
        interactions = tasks.submit(past_interactions, store, viewer, options, now=now)
        follows_and_blocks = tasks.submit(relationships.follows_and_blocks, viewer.users, options.max_follows)
        guest_feed = GuestFeedReader(store.guest_feed, post_index, viewer.country)
        first_rows = tasks.submit(guest_feed.read, options.trending)
        paging = home_pages.first(expires_at=now + options.cursor_valid)
        if request.cursor:
            paging = home_pages.given(viewer.account, request.cursor, now=now)
    first_rows.result()
    followed, blocked = follows_and_blocks.result().followed, follows_and_blocks.result().blocked
    ids = np.concatenate([paging.posts, id_array(map(ObjectId, request.exclude)), interactions.result()])
    excluded = excluded_posts(post_index, ids, [*blocked, *viewer.users])

    def still_visible(posts: IntArray) -> IntArray:
        """Those of these posts that may be shown now; the index may be some minutes old."""
        return visibility.still_visible(posts, blocked)

    items, model = list[Item](), feed_ranker.version_for(viewer)
    while len(items) <= limit:  # one more item than the page holds shows that there is a next page
        candidates = retrieve_candidates(post_index, viewer, guest_feed, followed, excluded, options, now)
        posts = candidates.post
        if not len(posts):
            break
        logits = feed_ranker.logits(viewer, posts, now) + np.log(post_index.quality[posts])
        missing = limit + 1 - len(items)
        selected, refused = diversify(post_index, candidates, logits, options, missing, still_visible)
        items += [make_item(post_index, posts[row], logits[row], candidates.source[row], model) for row in selected]
        if len(items) <= limit:  # another round, without these candidates
            excluded |= np.isin(post_index.canonical_id, post_index.canonical_id[posts[selected]])
            excluded[posts[refused]] = True
    shown = items[:limit]
    if not paged or len(items) <= limit:
        return Page(shown, "")
    return Page(shown, home_pages.add(viewer.account, paging, [item.content for item in shown]))
