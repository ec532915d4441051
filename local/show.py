"""Results of the functions as tables for people: feeds, homes, suspects, detectors and annotated posts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.homes import Home
from local.posts import Answer
from shared.countries import country_of
from shared.store import Store

if TYPE_CHECKING:
    from functions.bots.store.suspects import Suspect

MAX_TEXT_LENGTH = 24  # characters of a post
OTHER_COLUMNS = 26  # characters of a table of answers that neither topics nor posts take


def guest_feed(console: Console, store: Store, country: str, rows: int, *, now: datetime) -> int:
    """Print the first rows of a country's feed, if it has one, and return the number of all its rows."""
    partition = country_of(country) or country
    query = {"countryCode": partition}
    items = list(store.app.guestfeeditems.find(query).sort("_id", 1).limit(rows))
    total = store.app.guestfeeditems.count_documents(query)
    if not items:
        return 0
    ids = {"$in": [item["content"] for item in items]}
    posts = {post["_id"]: post for post in store.app.contents.find({"_id": ids})}
    languages = {row["contentId"]: row["language"] for row in _known_languages(store, ids)}
    title = f"guest feed of {partition}: {total} rows, the first {len(items)}"
    table = _titled(title)
    for name, width in (("#", 3), ("score", 6), ("age", 5), ("likes", 5)):
        table.add_column(Text(name), justify="right", no_wrap=True, width=width)
    for name, width in (("language", 8), ("author", 10), ("post", MAX_TEXT_LENGTH)):
        table.add_column(Text(name), no_wrap=True, width=width)
    for rank, item in enumerate(items, 1):
        post = posts.get(item["content"], {})
        table.add_row(
            f"{rank:d}",
            f"{item['score']:.4g}",
            Text(_age(post, now)),
            Text(str(_at(post, "engagements", "like", "count") or 0)),
            Text(str(languages.get(item["content"], "?"))),
            Text(str(_at(post, "author", "castcleId") or item.get("author", "?"))),
            Text(_first_words(post)),
        )
    console.print(table)
    return total


def homes(console: Console, store: Store, pages: Sequence[Home], *, now: datetime) -> None:
    """Print home pages of accounts, the topics that each likes, and the number of posts that the pages share."""
    from functions.feed.pages import REASONS

    for home in pages:
        likes = ", ".join(f"{name} ×{times:.1f}" for name, times in home.likes.items()) or "nothing in particular"
        title = f"home of {home.account}: follows {home.follows}, likes more than its country {likes}"
        ids = {"$in": [item.content for item in home.page.items]}
        posts = {post["_id"]: post for post in store.app.contents.find({"_id": ids})}
        topics = _topic_names(store, ids)
        table = _titled(title)
        for name, width in (("#", 3), ("score", 6), ("age", 5)):
            table.add_column(Text(name), justify="right", no_wrap=True, width=width)
        for name, width in (("from", 10), ("topic", 17), ("post", MAX_TEXT_LENGTH)):
            table.add_column(Text(name), no_wrap=True, width=width)
        for rank, item in enumerate(home.page.items, 1):
            post, topic = posts.get(item.content, {}), topics.get(item.content, "")
            table.add_row(
                f"{rank:d}", f"{item.score:.3g}", *map(Text, (_age(post, now), item.source, topic, _first_words(post)))
            )
        console.print(table)
    sources = dict.fromkeys(item.source for home in pages for item in home.page.items)
    for source in sources:
        console.print(f"  {source:<10} {REASONS[source]}", markup=False)
    contents = [{item.content for item in home.page.items} for home in pages]
    if len(contents) > 1:
        common = len(set.intersection(*contents))
        console.print(f"the two pages have {common} of {len(contents[0])} posts in common\n", markup=False)


def _topic_names(store: Store, contents: dict[str, Any]) -> dict[Any, str]:
    """Path of the lowest topic of each post that has topics, by id of the post."""
    names = {row["_id"]: str(row["path"]) for row in store.analytics.topics.find({"path": {"$exists": True}})}
    infos = store.app.contentinfo.find({"contentId": contents, "topics.0": {"$exists": True}})
    paths = {info["contentId"]: [names[topic] for topic in info["topics"] if topic in names] for info in infos}
    return {content: max(of_post, key=lambda path: path.count("/")) for content, of_post in paths.items() if of_post}


def suspects(console: Console, title: str, rows: Sequence["Suspect"]) -> None:
    """Print suspects, each with the reasons why it may be a bot."""
    table = _titled(title)
    for name, width in (("#", 3), ("score", 6)):
        table.add_column(Text(name), justify="right", no_wrap=True, width=width)
    table.add_column("credential", no_wrap=True)
    table.add_column("why", overflow="fold")
    for rank, suspect in enumerate(rows, 1):
        reasons = "\n".join(reasons_of(suspect))
        table.add_row(f"{rank:d}", f"{suspect.score:.3f}", Text(str(suspect.credential)), Text(reasons))
    console.print(table)


def reasons_of(suspect: "Suspect") -> list[str]:
    """A line for each reason, with the value and the usual range of people's values."""
    lines = []
    for reason in suspect.reasons:
        low, high = reason["people"]
        lines.append(f"{reason['says']}: {reason['value']:g}, people {low:g} to {high:g}")
    sampled = ["drawn by lot, below the threshold"] if suspect.sampled else []
    return [*sampled, *lines] or ["nothing that a person's readings could not be"]


def detector_report(console: Console, detectors: Sequence[Mapping[str, Any]]) -> None:
    """Print how well the newest detector, the one before and other methods do on verdicts unseen by them."""
    table = _titled("detectors of bots, on verdicts unseen by them")
    table.add_column("", no_wrap=True)
    columns = [(name, measures_of(detector)) for name, detector in zip(("now", "before"), detectors, strict=False)]
    if detectors:
        columns += [(name, measures) for name, measures in detectors[0]["metrics"]["others"].items()]
    for name, _ in columns:
        table.add_column(Text(name), justify="right", no_wrap=True)
    for name, key in _MEASURES.items():
        values = (f"{measures[key]:.3g}" if key in measures else "" for _, measures in columns)
        table.add_row(*map(Text, (name, *values)))
    console.print(table)


_MEASURES = {
    "judged bots": "bots",
    "judged people": "people",
    "ROC AUC": "roc_auc",
    "average precision": "average_precision",
    "precision": "bot_class_precision",
    "recall": "bot_class_recall",
    "F1": "bot_class_f1-score",
    "accuracy": "accuracy",
}


def measures_of(detector: Mapping[str, Any]) -> dict[str, float]:
    """The measures of a detector that its artifact holds, by name."""
    metrics = detector["metrics"]
    return {"bots": metrics["bots"], "people": metrics["people"], **metrics["ours"], **detector["evaluationReport"]}


def answers(console: Console, title: str, rows: Sequence[Answer]) -> None:
    """Print posts with their annotations, and how soon these came; of topics the lowest of each branch."""
    topics = [[f"{path} {confidence:.2f}" for path, confidence in row.topics.items()] or [row.remark] for row in rows]
    width = min(max(len(line) for lines in topics for line in lines), console.width // 2)
    table = _titled(title)
    table.add_column("ms", justify="right", no_wrap=True, width=5)
    table.add_column("language", no_wrap=True, width=8)
    table.add_column("topics", overflow="fold", width=width)
    table.add_column("post", no_wrap=True, width=max(console.width - OTHER_COLUMNS - width, 10))
    for row, lines in zip(rows, topics, strict=True):
        language = f"{row.language}  {row.confidence:.2f}" if row.language else ""
        table.add_row(f"{row.seconds * 1000:.0f}", Text(language), Text("\n".join(lines)), Text(row.text))
    console.print(table)


def _titled(title: str) -> Table:
    return Table(title=Text(title, "table.title"), title_justify="left", box=box.SIMPLE)


def _known_languages(store: Store, ids: dict[str, Any]) -> list[dict[str, Any]]:
    """Documents with a post's language, first those of the content filter, then those of contentinfo, which count."""
    query = {"contentId": ids, "language": {"$type": "string"}}
    return [*store.analytics.contentfiltering.find(query), *store.app.contentinfo.find(query)]


def _at(document: Mapping[str, Any], *names: str) -> Any:
    """The value at this path; None where there is none, as in documents of other programs."""
    value: Any = document
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _age(post: Mapping[str, Any], now: datetime) -> str:
    created_at = post.get("createdAt")
    return f"{(now - created_at).total_seconds() / 3600:.0f} h" if isinstance(created_at, datetime) else "?"


def _first_words(post: Mapping[str, Any]) -> str:
    if not post:
        return "(deleted since)"
    text = " ".join(str(_at(post, "payload", "message") or f"({post.get('type')} without text)").split())
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"
