"""Topics: the tree with its counts, the posts of a topic, and a post's topics with their evidence and correction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from bson import ObjectId
from msgspec import Meta, Struct

from console.fields import Reason
from console.service import Console
from console.store.shown_posts import ShownPost, ShownPosts
from console.templates import redirect, render
from console.trends import Trend, trend
from console.visitor import Visitor
from functions.topics.corrections import correct, lowest, topics_now
from functions.topics.post_state import states_now
from functions.topics.store.described_posts import DescribedPost, DescribedPosts, TopicScore
from functions.topics.store.topic_corrections import Correction, TopicCorrections
from functions.topics.store.topic_tree import StoredTopic, TopicTree
from shared.api import STATUS, Response, Route
from shared.documents import Id, is_id
from shared.errors import Conflict, InvalidFields, NotFound
from shared.requests import NEEDS_ID, refused
from shared.text.normalise import MAX_CHARACTERS, plain

PATH = "/console/topics"
ROWS = 25  # of a page
MAX_PATH_LENGTH = 200  # characters
CHOICES = 5  # topics that a person may choose

RowId = Annotated[Id, refused(NEEDS_ID)]
Path = Annotated[str, Meta(max_length=MAX_PATH_LENGTH), refused("is no topic of the list")]
Seen = Annotated[str, Meta(max_length=50 * MAX_PATH_LENGTH), refused("is not what a page came with")]


class TopicsQuery(Struct):
    """The post to be looked up, as somebody typed it; empty for the tree alone."""

    post: Annotated[str, Meta(max_length=100), refused(NEEDS_ID)] = ""


class TopicQuery(Struct):
    """A page of the posts of a topic, the first or the one behind a post."""

    topic: RowId
    after: RowId | None = None


class PostQuery(Struct):
    """A post, and whether it has just been corrected."""

    post: RowId
    done: Annotated[str, Meta(max_length=20), refused("is not what a page came with")] = ""


class CorrectionForm(Struct):
    """The topics that somebody chose for a post, and why.

    text  hash of the text that was read
    seen  paths of the topics that the page showed, apart by spaces
    """

    post: RowId
    text: Seen
    seen: Seen = ""
    topic1: Path = ""
    topic2: Path = ""
    topic3: Path = ""
    topic4: Path = ""
    topic5: Path = ""
    reason: Reason = ""

    def chosen(self) -> list[str]:
        return [path for path in (self.topic1, self.topic2, self.topic3, self.topic4, self.topic5) if path]


@dataclass(frozen=True, slots=True)
class TopicsPage:
    """The page of the tree.

    topics  each with its trend, parents before their children; no trend where its posts were not counted yet
    typed   what is no id of a post; empty for none
    """

    template: ClassVar[str] = "topics/tree.html"
    path: ClassVar[str] = PATH

    topics: Sequence[tuple[StoredTopic, Trend | None]]
    typed: str


@dataclass(frozen=True, slots=True)
class TopicPage:
    """The page of a topic.

    name       with those of the topics above it
    posts      the newest first; no ShownPost for one that is gone
    next_page  the post behind which the next page begins; None at the end
    """

    template: ClassVar[str] = "topics/topic.html"
    path: ClassVar[str] = PATH

    name: str
    topic: StoredTopic
    trend: Trend | None
    posts: Sequence[tuple[ObjectId, ShownPost | None]]
    next_page: ObjectId | None


@dataclass(frozen=True, slots=True)
class PostPage:
    """The page of a post.

    text        as it was written, at most MAX_CHARACTERS; None where it is not published or has none
    text_hash   of all of it
    words       of the text, as the classifier reads them
    described   None where it has not been described yet
    scores      its topics now
    correction  the last one; None where there is none
    holds       whether the correction is to this text
    names       full names of all topics by path, in the order of the tree
    chosen      paths to be chosen in the form, `CHOICES` of them, empty for none
    refusal     the form that came too late, with its reason and the paths that it showed; None without one
    """

    template: ClassVar[str] = "topics/post.html"
    path: ClassVar[str] = PATH

    post: ObjectId
    text: str | None
    text_hash: str
    words: str
    described: DescribedPost | None
    scores: Sequence[TopicScore]
    correction: Correction | None
    holds: bool
    names: Mapping[str, str]
    ids: Mapping[str, ObjectId]
    chosen: Sequence[str]
    refusal: CorrectionForm | None
    done: bool


def topics(console: Console, visitor: Visitor, query: TopicsQuery, now: datetime) -> Response:
    """The tree; or, with an id in the query, the page of that post."""
    typed = query.post.strip()
    if is_id(typed):
        return redirect(f"{PATH}/posts/{typed}")
    rows = [(topic, _trend(topic)) for topic in TopicTree(console.store).all()]
    return render(TopicsPage(rows, typed), visitor, status=STATUS[InvalidFields] if typed else 200)


def topic(console: Console, visitor: Visitor, query: TopicQuery, now: datetime) -> Response:
    """The newest posts of a topic."""
    tree = TopicTree(console.store).all()
    stored = next((each for each in tree if each.id == ObjectId(query.topic)), None)
    if stored is None:
        raise NotFound("topic: there is none of this id")
    after = ObjectId(query.after) if query.after else None
    posts, next_page = DescribedPosts(console.store).newest(stored.id, after, ROWS)
    shown = ShownPosts(console.store).of(posts)
    rows = [(key, shown.get(key)) for key in posts]
    return render(TopicPage(_names(tree)[stored.path], stored, _trend(stored), rows, next_page), visitor)


def post(console: Console, visitor: Visitor, query: PostQuery, now: datetime) -> Response:
    """The topics of a post, and why it has them."""
    return render(_page(console, ObjectId(query.post), done=query.done == "corrected"), visitor)


def correct_post(console: Console, visitor: Visitor, form: CorrectionForm, now: datetime) -> Response:
    """Give a post the chosen topics; the page as it is by now, with what was chosen and status 409, where its topics or
    its text are others than the page showed."""
    session, store, post_id = visitor.member_session(), console.store, ObjectId(form.post)
    ids = _ids(TopicTree(store).all())
    if unknown := [path for path in form.chosen() if path not in ids]:
        raise InvalidFields(f"topics: there is no {unknown[0]}", ["body", "topic1"], "value_error")
    chosen, described = lowest(form.chosen()), DescribedPosts(store).find(post_id)
    language = described.language or None if described else None
    correction = Correction(post_id, chosen, form.text, language, session.member, form.reason.strip(), now)
    change = {"before": form.seen, "after": " ".join(chosen), "reason": correction.reason}
    try:
        with console.audit.act(session, "correct topics", {"post": post_id, **change}, now=now):
            correct(store, correction, seen=form.seen.split(), topic_ids=ids, now=now)
    except Conflict:
        return render(_page(console, post_id, refusal=form), visitor, status=STATUS[Conflict])
    return redirect(f"{PATH}/posts/{post_id}?done=corrected")


def _page(
    console: Console, post_id: ObjectId, *, refusal: CorrectionForm | None = None, done: bool = False
) -> PostPage:
    store, tree = console.store, TopicTree(console.store).all()
    state, described = states_now(store, [post_id])[post_id], DescribedPosts(store).find(post_id)
    correction = TopicCorrections(store).of([post_id]).get(post_id)
    text = state.text or ""
    scores = topics_now(described, correction, state.text_hash, _ids(tree))
    chosen = refusal.chosen() if refusal else lowest(each.path for each in scores)
    return PostPage(
        post=post_id,
        text=text[:MAX_CHARACTERS] or None,
        text_hash=state.text_hash,
        words=plain(text),
        described=described,
        scores=scores,
        correction=correction,
        holds=correction is not None and correction.text_hash == state.text_hash,
        names=_names(tree),
        ids=_ids(tree),
        chosen=[*chosen, *[""] * CHOICES][:CHOICES],
        refusal=refusal,
        done=done,
    )


def _trend(stored: StoredTopic) -> Trend | None:
    return trend(stored.counts.recent, stored.counts.before) if stored.counts else None


def _ids(tree: Iterable[StoredTopic]) -> dict[str, ObjectId]:
    return {each.path: each.id for each in tree}


def _names(tree: Iterable[StoredTopic]) -> dict[str, str]:
    """The name of each topic behind those of the topics above it, by path."""
    names: dict[str, str] = {}
    for each in tree:
        above = names.get(each.path.rpartition("/")[0])
        names[each.path] = f"{above} › {each.name}" if above else each.name
    return names


ROUTES: tuple[Route[Console], ...] = (
    Route("GET", PATH, "Topics", TopicsQuery, topics, "see"),
    Route("GET", PATH + "/{topic}", "Posts of a topic", TopicQuery, topic, "read posts"),
    Route("GET", PATH + "/posts/{post}", "Topics of a post", PostQuery, post, "read posts"),
    Route(
        "POST", PATH + "/posts/{post}", "Correct the topics of a post", CorrectionForm, correct_post, "correct topics",
        takes_form=True,
    ),
)  # fmt: skip
