"""Labelled sentences, which `train_topics` learns from beside the prototypes of the taxonomy.

The file is UTF-8 with fields separated by tabs and a header: `topic` and `text`, and `language` if it is known.

    topic              language  text
    sports/badminton   en        Lost the third set by two points

A sentence about several topics has a line for each; small talk has an empty topic.
"""

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from bson import ObjectId
from pymongo import ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database

from local.tables import Row, Tally, rows
from shared.documents import Document
from shared.store import schema
from shared.store.batches import in_batches

NEEDED = ("topic", "text")
_LANGUAGE = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, slots=True)
class TextsReport:
    """Result of an import; importing the same file again has `changed` 0.

    tally    lines read, kept and skipped
    texts    distinct texts, of each source where they have one [count]
    changed  documents inserted or altered [count]
    """

    tally: Tally
    texts: int
    changed: int


@dataclass(slots=True)
class _Sentence:
    text: str
    topics: dict[str, None] = field(default_factory=dict)  # in order; "" where a line had none
    language: str | None = None

    def as_document(self, now: datetime) -> Document:
        key = ObjectId(sha256(self.text.encode()).digest()[:12])
        language = {"language": self.language} if self.language else {}
        topics = sorted(topic for topic in self.topics if topic)
        return {"_id": key, "text": self.text, "topics": topics, **language, "updatedAt": now}


def import_sentences(file: Path, analytics: Database[Document], *, now: datetime) -> TextsReport:
    """Insert or replace the labelled texts of a file; repeating it changes nothing.

    Raises NotFound without the file, BadEvent when it is no such table, both before anything is written.
    """
    from functions.topics.taxonomy import taxonomy

    paths, sentences = taxonomy().paths, dict[str, _Sentence]()
    tally = Tally()
    for line, row in rows(file, tally, needed=NEEDED, tabs=True, quoted=False):
        fault = _fault_of(row, paths, sentences)
        if fault:
            tally.skip(line, fault)
            continue
        tally.kept += 1
        sentence = sentences.setdefault(row["text"], _Sentence(row["text"]))
        sentence.topics |= {row["topic"]: None}
        sentence.language = row.get("language") or sentence.language
    texts = analytics[schema.LABELLED_TEXTS.name]
    changed = put_labelled(texts, (sentence.as_document(now) for sentence in sentences.values()))
    return TextsReport(tally, len(sentences), changed)


def _fault_of(row: Row, paths: Container[str], sentences: dict[str, _Sentence]) -> str:
    """Why a line cannot be used; empty where it can.

    paths  of the taxonomy
    """
    language = row.get("language", "")
    earlier = sentences.get(row["text"])
    if not row["text"]:
        return "no text"
    if row["topic"] and row["topic"] not in paths:
        return f"no topic {row['topic']!r}"
    if language and not _LANGUAGE.fullmatch(language):
        return f"no language {language!r}: two small letters are needed"
    if earlier and row["topic"] in earlier.topics and language in ("", earlier.language):
        return "repeated line"
    if earlier and language and earlier.language and earlier.language != language:
        return f"language {language!r}, but {earlier.language!r} in a line before"
    return ""


def put_labelled(collection: Collection[Document], documents: Iterable[Document]) -> int:
    """Insert or replace the documents that differ from the stored ones by more than the moment of their import, and
    return their number."""
    changed = 0
    for batch in in_batches(documents):
        ids = [document["_id"] for document in batch]
        stored = {document["_id"]: document for document in collection.find({"_id": {"$in": ids}})}
        writes = [
            ReplaceOne({"_id": document["_id"]}, document, upsert=True)
            for document in batch
            if _content_of(document) != _content_of(stored.get(document["_id"], {}))
        ]
        if writes:
            collection.bulk_write(writes, ordered=False)
        changed += len(writes)
    return changed


def _content_of(document: Document) -> Document:
    """The document without the moment of its import."""
    return {name: value for name, value in document.items() if name != "updatedAt"}
