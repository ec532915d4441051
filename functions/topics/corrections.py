"""Corrections: topics that a person has chosen for a post, which count as long as its text is the same."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId

from functions.topics.post_state import states_now
from functions.topics.store.content_info import ContentInfo, CorrectedRow
from functions.topics.store.described_posts import DescribedPost, DescribedPosts, TopicScore
from functions.topics.store.labelled_texts import LabelledText, LabelledTexts
from functions.topics.store.topic_corrections import Correction, TopicCorrections
from functions.topics.taxonomy import ancestors
from shared.errors import Conflict, NotFound
from shared.store import Store


def correct(
    store: Store,
    correction: Correction,
    *,
    seen: Iterable[str],
    topic_ids: Mapping[str, ObjectId],
    now: datetime,
) -> None:
    """Keep what a person chose, and give the post these topics at once; a correction before it is replaced.

    seen       paths of the topics that the person saw
    topic_ids  id of each path
    Raises Conflict where the post has other topics or another text by now, and NotFound where it is not published, has
    no text, or is of an erased account. Safe to repeat.
    """
    post, corrections = correction.post, TopicCorrections(store)
    before = corrections.of([post]).get(post)
    if not correction.says_the_same(before):
        _check_unchanged(store, correction, before, set(seen), topic_ids)
        written = corrections.put(correction, instead_of=before)
        if not written and not correction.says_the_same(corrections.of([post]).get(post)):
            raise Conflict("topics: somebody else has corrected them meanwhile")
    if corrections.remove(store.tombstones.posts_among([post])):
        raise NotFound("post: its account was erased")
    apply_corrections(store, [post], topic_ids, now=now)


def apply_corrections(
    store: Store, posts: Iterable[ObjectId], topic_ids: Mapping[str, ObjectId], *, now: datetime
) -> int:
    """Give those of these posts that a person has corrected the topics chosen for them, where their text is still the
    same; returns how many changed.

    Whoever writes annotations calls it afterwards, and a person's choice is stored before this is called for it: so
    the last of the two calls finds both, in whatever order the writes come.

    topic_ids  id of each path; a correction to a path without one is left alone
    """
    rows = [
        CorrectedRow(post, correction.text_hash, with_ancestors(correction.topics))
        for post, correction in TopicCorrections(store).of(posts).items()
        if topic_ids.keys() >= set(with_ancestors(correction.topics))
    ]
    return ContentInfo(store).correct(rows, topic_ids, now=now)


def topics_now(
    described: DescribedPost | None,
    correction: Correction | None,
    text_hash: str,
    topic_ids: Mapping[str, ObjectId],
) -> Sequence[TopicScore]:
    """The topics of a post with the text of this hash: those that a person chose, else those of its annotation.

    They are in the annotation too as soon as `apply_corrections` has run.
    """
    if correction and correction.text_hash == text_hash:
        paths = with_ancestors(correction.topics)
        if topic_ids.keys() >= set(paths):
            return [TopicScore(path, 1.0) for path in paths]
    return described.topics if described else ()


def training_texts(store: Store, limit: int, *, now: datetime) -> tuple[list[LabelledText], Sequence[Any]]:
    """At most `limit` labelled texts, the last changed first, and the ids of malformed ones.

    A correction counts instead of all other labels of the same text.
    """
    labelled, malformed = LabelledTexts(store).newest(limit, now=now)
    corrected = corrected_texts(store, limit, now=now)
    texts = {text.text for text in corrected}
    merged = [*corrected, *(text for text in labelled if text.text not in texts)]
    return sorted(merged, key=lambda text: text.updated_at, reverse=True)[:limit], malformed


def corrected_texts(store: Store, limit: int, *, now: datetime) -> list[LabelledText]:
    """The texts of posts with one of the `limit` last corrections: of those that may be shown to anybody, and whose
    text is still the one that was corrected."""
    corrections = TopicCorrections(store).newest(limit, now=now)
    states = states_now(store, store.visibility.posts([correction.post for correction in corrections]))
    return [
        LabelledText(state.text, correction.topics, correction.language, correction.updated_at)
        for correction in corrections
        if (state := states.get(correction.post)) and state.text and state.text_hash == correction.text_hash
    ]


def remove_outdated(store: Store) -> int:
    """Delete the corrections of posts that are gone; returns how many."""
    corrections = TopicCorrections(store)
    states = store.contents.now(corrections.posts())
    return corrections.remove(post for post, (_, document) in states.items() if document is None)


def with_ancestors(paths: Iterable[str]) -> list[str]:
    """The paths and all above them, each once, parents before their children.

    >>> with_ancestors(["sports/golf", "sports/tennis"])
    ['sports', 'sports/golf', 'sports/tennis']
    """
    return sorted({each for path in paths for each in (path, *ancestors(path))})


def lowest(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that are above none of the others, in alphabetical order.

    >>> lowest(["sports", "sports/golf", "pets"])
    ('pets', 'sports/golf')
    """
    distinct = set(paths)
    return tuple(sorted(distinct - {above for path in distinct for above in ancestors(path)}))


def _check_unchanged(
    store: Store,
    correction: Correction,
    before: Correction | None,
    seen: set[str],
    topic_ids: Mapping[str, ObjectId],
) -> None:
    state = states_now(store, [correction.post])[correction.post]
    if state.text is None:
        raise NotFound("post: is not published, or has no text")
    if state.text_hash != correction.text_hash:
        raise Conflict("text: has changed meanwhile")
    described = DescribedPosts(store).find(correction.post)
    if seen != {topic.path for topic in topics_now(described, before, state.text_hash, topic_ids)}:
        raise Conflict("topics: have changed meanwhile")
