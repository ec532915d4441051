"""Posts that no change told of, or that an older model described."""

from collections.abc import Sequence
from datetime import datetime

from bson import ObjectId

from functions.topics.annotate import TextAnnotator
from functions.topics.sync_annotations import is_settled, states_now, sync_annotations
from shared.config import Topics
from shared.documents import object_id
from shared.report import Report
from shared.store import Store, schema

NAME = "reclassify_contents"
PAGE = 1_000  # posts looked at between two notes of how far the walk has come


def run(store: Store, describer: TextAnnotator, options: Topics, *, now: datetime) -> Report:
    """Walk over all posts, the newest first: describe anew whose text or model is not the one on record, forget what
    is kept of those that are gone, and what another program keeps under ids as text.

    A run looks at `reclassify_most` posts, and the next goes on where it ended, also where it was cut short. Safe to
    repeat, and beside changes that arrive meanwhile.
    """
    read = described = removed = 0
    with store.leases.hold(NAME):
        before = store.watermarks.cursor(NAME, object_id)
        if written := store.content_info.under_text(min(PAGE, options.reclassify_most)):
            described, removed = look_at(store, describer, written, options, now=now)
            read, removed = len(written), removed + store.content_info.remove_under_text(written)
        while read < options.reclassify_most:
            posts = next_page(store, before, min(PAGE, options.reclassify_most - read))
            part = look_at(store, describer, posts, options, now=now)
            read, described, removed = read + len(posts), described + part[0], removed + part[1]
            before = posts[-1] if posts else None
            store.watermarks.move(NAME, before, now=now)
            if before is None:
                break
        removed += store.erasures.sweep(schema.CONTENT_INFO, schema.WATERMARKS)
    return Report(read, described, removed, details={"finished": int(before is None)})


def look_at(
    store: Store, describer: TextAnnotator, posts: Sequence[ObjectId], options: Topics, *, now: datetime
) -> tuple[int, int]:
    """Settle those of the posts of which something else is on record; how many were described, and forgotten."""
    known = store.content_info.known(posts)
    states = states_now(store, posts)
    stale = {post: state for post, state in states.items() if not is_settled(state, known.get(post), describer.version)}
    return sync_annotations(store, describer, stale, options.batch, now=now)


def next_page(store: Store, before: ObjectId | None, size: int) -> list[ObjectId]:
    """The next posts with a text, or of which something is kept, the newest first; empty at the end."""
    found = {*store.contents.with_text(size, before), *store.content_info.kept(size, before)}
    return sorted(found, reverse=True)[:size]
