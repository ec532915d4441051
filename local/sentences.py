"""Labelled sentences: what `train_topics` learns from beside the phrases of the taxonomy.

The file is UTF-8, its fields apart by tabs, with a header: `topic` and `text`, and `language` if it is known.

    topic              language  text
    sports/badminton   en        Lost the third set by two points

A sentence that is about several topics stands there once for each; one of small talk has an empty topic.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path

from bson import ObjectId
from pymongo import ReplaceOne
from pymongo.database import Database

from functions.topics.taxonomy import taxonomy
from local.tables import Row, Tally, rows
from shared.documents import Document
from shared.store import schema

NEEDED = ("topic", "text")
BATCH = 1000
_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, slots=True)
class SentencesReport:
    """What an import found and did; a second one of the same file has `changed` 0.

    tally    what became of the lines
    texts    different sentences
    changed  documents inserted or altered
    """

    tally: Tally
    texts: int
    changed: int


@dataclass(slots=True)
class _Sentence:
    text: str
    topics: dict[str, None] = field(default_factory=dict)  # a set that keeps its order; with "" where a line had none
    language: str | None = None

    def as_document(self, now: datetime) -> Document:
        key = ObjectId(sha256(self.text.encode()).digest()[:12])
        language = {"language": self.language} if self.language else {}
        topics = sorted(topic for topic in self.topics if topic)
        return {"_id": key, "text": self.text, "topics": topics, **language, "updatedAt": now}


def import_sentences(file: Path, analytics: Database[Document], *, now: datetime) -> SentencesReport:
    """Insert or replace the labelled texts of a file; repeating it changes nothing.

    Raises NotFound without the file, BadEvent when it is no such table, both before anything is written.
    """
    sentences: dict[str, _Sentence] = {}
    tally = Tally()
    for line, row in rows(file, tally, needed=NEEDED, tabs=True):
        wrong = _fault_of(row, sentences)
        if wrong:
            tally.skip(line, wrong)
            continue
        tally.kept += 1
        sentence = sentences.setdefault(row["text"], _Sentence(row["text"]))
        sentence.topics |= {row["topic"]: None}
        sentence.language = row.get("language") or sentence.language
    changed = _put([one.as_document(now) for one in sentences.values()], analytics)
    return SentencesReport(tally, len(sentences), changed)


def _fault_of(row: Row, sentences: dict[str, _Sentence]) -> str:
    language = row.get("language", "")
    known = sentences.get(row["text"])
    if not row["text"]:
        return "no text"
    if row["topic"] and row["topic"] not in taxonomy().paths:
        return f"no topic {row['topic']!r}"
    if language and not _LANGUAGE.fullmatch(language):
        return f"no language {language!r}: two small letters are needed"
    if known and row["topic"] in known.topics and language in ("", known.language):
        return "repeated line"
    if known and language and known.language and known.language != language:
        return f"language {language!r}, but {known.language!r} in a line before"
    return ""


def _put(documents: list[Document], analytics: Database[Document]) -> int:
    """Write those that differ from what is there, and return how many."""
    texts, waiting, changed = analytics[schema.LABELLED_TEXTS.name], iter(documents), 0
    while batch := list(islice(waiting, BATCH)):
        there = {row["_id"]: row for row in texts.find({"_id": {"$in": [one["_id"] for one in batch]}})}
        writes = [
            ReplaceOne({"_id": one["_id"]}, one, upsert=True)
            for one in batch
            if _said(one) != _said(there.get(one["_id"], {}))
        ]
        if writes:
            texts.bulk_write(writes, ordered=False)
        changed += len(writes)
    return changed


def _said(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "updatedAt"}
