"""What came out, for people to read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from functions.feed.recommend_home import REASONS
from local.homes import Home
from local.posts import Answer
from shared.countries import country_of
from shared.store import Store
from shared.store.suspects import Suspect

MAX_TEXT_LENGTH = 24
BESIDE = 26  # columns of a table of answers that its topics and posts do not get


def guest_feed(console: Console, store: Store, country: str, rows: int, *, now: datetime) -> int:
    """Print the head of a country's feed, where there is one, and return how many rows there are."""
    partition = country_of(country) or country
    query = {"countryCode": partition}
    found = list(store.app.guestfeeditems.find(query).sort("_id", 1).limit(rows))
    total = store.app.guestfeeditems.count_documents(query)
    if not found:
        return 0
    ids = {"$in": [row["content"] for row in found]}
    posts = {post["_id"]: post for post in store.app.contents.find({"_id": ids})}
    languages = {row["contentId"]: row["language"] for row in _known_languages(store, ids)}
    title = f"guest feed of {partition}: {total} rows, the first {len(found)}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for name, width in (("#", 3), ("score", 6), ("age", 5), ("likes", 5)):
        table.add_column(name, justify="right", no_wrap=True, width=width)
    for name, width in (("language", 8), ("author", 10), ("post", MAX_TEXT_LENGTH)):
        table.add_column(name, no_wrap=True, width=width)
    for rank, row in enumerate(found, 1):
        post = posts.get(row["content"], {})
        table.add_row(
            str(rank),
            f"{row['score']:.4g}",
            _age(post, now),
            str(_under(post, "engagements", "like", "count") or 0),
            languages.get(row["content"], "?"),
            Text(str(_under(post, "author", "castcleId") or row.get("author", "?"))),
            Text(_first_words(post)),
        )
    console.print(table)
    return total


def homes(console: Console, store: Store, found: Sequence[Home], *, now: datetime) -> None:
    """Print home pages of accounts, what each likes, and how much the pages have in common."""
    for one in found:
        likes = ", ".join(f"{name} ×{times:.1f}" for name, times in one.likes.items()) or "nothing in particular"
        title = f"home of {one.account}: follows {one.follows}, likes more than its country {likes}"
        ids = {"$in": [item.content for item in one.page.items]}
        posts = {post["_id"]: post for post in store.app.contents.find({"_id": ids})}
        topics = _topic_names(store, ids)
        table = Table(title=title, title_justify="left", box=box.SIMPLE)
        for name, width in (("#", 3), ("score", 6), ("age", 5)):
            table.add_column(name, justify="right", no_wrap=True, width=width)
        for name, width in (("from", 10), ("topic", 17), ("post", MAX_TEXT_LENGTH)):
            table.add_column(name, no_wrap=True, width=width)
        for rank, item in enumerate(one.page.items, 1):
            post, about = posts.get(item.content, {}), topics.get(item.content, "")
            table.add_row(str(rank), f"{item.score:.3g}", _age(post, now), item.source, about, Text(_first_words(post)))
        console.print(table)
    sources = dict.fromkeys(item.source for one in found for item in one.page.items)
    for source in sources:
        console.print(f"  {source:<10} {REASONS[source]}")
    pages = [{item.content for item in one.page.items} for one in found]
    if len(pages) > 1:
        console.print(f"the two pages have {len(set.intersection(*pages))} of {len(pages[0])} posts in common\n")


def _topic_names(store: Store, contents: dict[str, Any]) -> dict[Any, str]:
    """The lowest topic of each post that has one."""
    names = {row["_id"]: str(row["path"]) for row in store.analytics.topics.find({"path": {"$exists": True}})}
    found = store.app.contentinfo.find({"contentId": contents, "topics.0": {"$exists": True}})
    paths = {row["contentId"]: [names[one] for one in row["topics"] if one in names] for row in found}
    return {content: max(known, key=lambda path: path.count("/")) for content, known in paths.items() if known}


def suspects(console: Console, title: str, rows: Sequence[Suspect]) -> None:
    """Print suspects, each with what speaks for a bot."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for name, width in (("#", 3), ("score", 6)):
        table.add_column(name, justify="right", no_wrap=True, width=width)
    table.add_column("credential", no_wrap=True)
    table.add_column("why", overflow="fold")
    for rank, one in enumerate(rows, 1):
        table.add_row(str(rank), f"{one.score:.3f}", str(one.credential), Text("\n".join(reasons_of(one))))
    console.print(table)


def reasons_of(one: Suspect) -> list[str]:
    """A line for each reason, with the value and what people's values are like."""
    lines = [
        f"{why['says']}: {why['value']:g}, people {why['people'][0]:g} to {why['people'][1]:g}" for why in one.reasons
    ]
    drawn = ["drawn by lot, below the threshold"] if one.sampled else []
    return [*drawn, *lines] or ["nothing that a person's readings could not be"]


def detector_report(console: Console, detectors: Sequence[Mapping[str, Any]]) -> None:
    """Print how well the newest detector, the one before and others do on verdicts that they have not learnt from."""
    table = Table(title="detectors of bots, on verdicts unseen by them", title_justify="left", box=box.SIMPLE)
    table.add_column("", no_wrap=True)
    columns = [(name, told_of(one)) for name, one in zip(("now", "before"), detectors, strict=False)]
    if detectors:
        columns += [(name, judged) for name, judged in detectors[0]["metrics"]["others"].items()]
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for name, key in _MEASURES.items():
        table.add_row(name, *(f"{judged[key]:.3g}" if key in judged else "" for _, judged in columns))
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


def told_of(detector: Mapping[str, Any]) -> dict[str, float]:
    """What a detector's artifact says of it, by measure."""
    metrics = detector["metrics"]
    return {"bots": metrics["bots"], "people": metrics["people"], **metrics["ours"], **detector["evaluationReport"]}


def answers(console: Console, title: str, rows: Sequence[Answer]) -> None:
    """Print what became known of posts, and how soon; of topics the lowest of each branch."""
    said = [[f"{path} {sure:.2f}" for path, sure in row.topics.items()] or [row.remark] for row in rows]
    widest = min(max(len(line) for lines in said for line in lines), console.width // 2)
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    table.add_column("ms", justify="right", no_wrap=True, width=5)
    table.add_column("language", no_wrap=True, width=8)
    table.add_column("topics", overflow="fold", width=widest)
    table.add_column("post", no_wrap=True, width=max(console.width - BESIDE - widest, 10))
    for row, lines in zip(rows, said, strict=True):
        language = f"{row.language}  {row.confidence:.2f}" if row.language else ""
        table.add_row(f"{row.seconds * 1000:.0f}", language, Text("\n".join(lines)), Text(row.text))
    console.print(table)


def _known_languages(store: Store, ids: dict[str, Any]) -> list[dict[str, Any]]:
    query = {"contentId": ids, "language": {"$type": "string"}}
    return [*store.analytics.contentfiltering.find(query), *store.app.contentinfo.find(query)]


def _under(document: Mapping[str, Any], *names: str) -> Any:
    """What stands below these names; None where nothing does, as in what another program wrote."""
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _age(post: Mapping[str, Any], now: datetime) -> str:
    created_at = post.get("createdAt")
    return f"{(now - created_at).total_seconds() / 3600:.0f} h" if isinstance(created_at, datetime) else "?"


def _first_words(post: Mapping[str, Any]) -> str:
    if not post:
        return "(deleted since)"
    text = " ".join(str(_under(post, "payload", "message") or f"({post.get('type')} without text)").split())
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"
