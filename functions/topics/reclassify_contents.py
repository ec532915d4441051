"""Annotate the posts whose change event was missed, or that an older model annotated."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId

from functions.topics.annotate import TextAnnotator
from functions.topics.corrections import apply_corrections
from functions.topics.options import Topics
from functions.topics.post_state import states_now
from functions.topics.store.content_info import ContentInfo
from functions.topics.store.topic_counts import TopicCounts
from functions.topics.sync_annotations import is_up_to_date, sync_annotations
from shared.documents import object_id
from shared.report import Report
from shared.store import Store, schema

NAME = "reclassify_contents"
PAGE_SIZE = 1_000  # posts


def run(
    store: Store, annotator: TextAnnotator, options: Topics, *, now: datetime, page_size: int = PAGE_SIZE
) -> Report:
    """Check all posts, the newest first: annotate those whose text or model is not the recorded one, remove the
    annotations of those that are gone, and the rows that another program stored under ids as text; and count the posts
    of each topic.

    A run checks `max_reclassified` posts, and the next one continues where it ended, also after a run that was cut
    short. Safe to repeat, also while changes arrive.

    page_size  posts that are checked between two updates of the cursor
    """
    content_info = ContentInfo(store)
    read = annotated = removed = 0
    with store.leases.hold(NAME):
        before = store.watermarks.cursor(NAME, object_id)
        if under_text := content_info.under_text(min(page_size, options.max_reclassified)):
            annotated, removed = check(store, annotator, under_text, options, now=now)
            read, removed = len(under_text), removed + content_info.remove_under_text(under_text)
        while read < options.max_reclassified:
            posts = next_page(store, before, min(page_size, options.max_reclassified - read))
            counts = check(store, annotator, posts, options, now=now)
            read, annotated, removed = read + len(posts), annotated + counts[0], removed + counts[1]
            before = posts[-1] if posts else None
            store.watermarks.move(NAME, before, now=now)
            if before is None:
                break
        removed += store.erasures.sweep(schema.CONTENT_INFO)
        TopicCounts(store).refresh(now=now)
    return Report(read, annotated, removed, details={"finished": int(before is None)})


def check(
    store: Store, annotator: TextAnnotator, posts: Sequence[ObjectId], options: Topics, *, now: datetime
) -> tuple[int, int]:
    """Bring the outdated annotations of these posts up to date; how many were written, and removed. Corrections that a
    run which was cut short has left out are made up for."""
    stored = ContentInfo(store).known(posts)
    states = states_now(store, posts)
    outdated = {
        post: state for post, state in states.items() if not is_up_to_date(state, stored.get(post), annotator.version)
    }
    counts = sync_annotations(store, annotator, outdated, options.batch, now=now)
    apply_corrections(store, posts, annotator.topic_ids, now=now)
    return counts


def next_page(store: Store, before: ObjectId | None, size: int) -> list[ObjectId]:
    """The next posts with a text or with stored annotations, the newest first; empty at the end.

    size    posts at most
    before  the last post of the page before, None for the first page
    """
    posts = {*store.contents.with_text(size, before), *ContentInfo(store).kept(size, before)}
    return sorted(posts, reverse=True)[:size]
