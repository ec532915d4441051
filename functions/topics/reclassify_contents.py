"""Posts that no change told of, or that an older model described."""

from datetime import datetime

from bson import ObjectId

from functions.topics.describe import Describer
from functions.topics.settle import State, is_described, settle
from shared.config import Topics
from shared.report import Report
from shared.store import Store

NAME = "reclassify_contents"
PAGE = 1_000  # posts looked at between two notes of how far the walk has come


def run(store: Store, describer: Describer, options: Topics, *, now: datetime) -> Report:
    """Walk over all posts, the newest first: describe anew whose text or model is not the one on record, forget what
    is kept of those that are gone.

    A run looks at `reclassify_most` posts, and the next goes on where it ended, also where it was cut short. Safe to
    repeat, and beside changes that arrive meanwhile.
    """
    read = described = removed = 0
    with store.leases.hold(NAME):
        before: ObjectId | None = store.watermarks.cursor(NAME)
        while read < options.reclassify_most:
            posts = next_page(store, before)
            known = store.content_info.known(posts)
            states = {post: State.of(*seen) for post, seen in store.contents.now(posts).items()}
            stale = {
                post: state
                for post, state in states.items()
                if state.text is None or not is_described(state, known.get(post), describer.version)
            }
            part = settle(store, describer, stale, options.batch, now=now)
            read, described, removed = read + len(posts), described + part[0], removed + part[1]
            before = posts[-1] if posts else None
            store.watermarks.move(NAME, before, now=now)
            if before is None:
                break
    return Report(read, described, removed, details={"finished": int(before is None)})


def next_page(store: Store, before: ObjectId | None) -> list[ObjectId]:
    """The next posts with a text, or of which something is kept, the newest first; empty at the end."""
    pages = [store.contents.with_text(PAGE, before), store.content_info.kept(PAGE, before)]
    ends = [page[-1] for page in pages if len(page) == PAGE]  # beyond the end of a full page, more may come
    posts = sorted({post for page in pages for post in page}, reverse=True)
    return [post for post in posts if not ends or post >= max(ends)]
