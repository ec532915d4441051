"""Texts that are rated for harm, which `train_screen` learns from beside the sentences of its own.

The file is UTF-8 with fields separated by tabs, perhaps in quotation marks, and a header: `source`, `lang`, `text`, and
a column for each label that was rated: 1, 0, or empty where nobody has looked for it. Other columns are left out.

    source   lang  text                  hate  violence
    reviews  en    I will find you             1
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from bson import ObjectId
from pymongo.database import Database

from local.sentences import TextsReport, put_labelled
from local.tables import Row, Tally, rows
from shared.documents import Document
from shared.store import schema

NEEDED = ("source", "lang", "text")
RATINGS = {"1": 1, "0": 0}
MAX_TEXT_LENGTH = 10_000  # characters
_LANGUAGE = re.compile(r"[a-z]{2}")
_SOURCE = re.compile(r"[\w ().:-]{1,64}")


@dataclass(slots=True)
class _Rated:
    text: str
    source: str
    language: str
    labels: dict[str, int] = field(default_factory=dict)

    def as_document(self, now: datetime) -> Document:
        digest = sha256(f"{self.source}\n{self.text}".encode()).digest()
        language = {"language": self.language} if self.language else {}
        return {
            "_id": ObjectId(digest[:12]),
            "text": self.text,
            **language,
            "labels": dict(sorted(self.labels.items())),
            "source": self.source,
            "updatedAt": now,
        }


def import_harms(file: Path, analytics: Database[Document], *, now: datetime) -> TextsReport:
    """Insert or replace the rated texts of a file; repeating it changes nothing.

    Raises NotFound without the file, BadEvent when it is no such table, both before anything is written.
    """
    from functions.moderation.labels import LABELS

    tally, texts = Tally(), dict[tuple[str, str], _Rated]()
    for line, row in rows(file, tally, needed=NEEDED, tabs=True):
        columns = [label for label in LABELS if row.get(label)]
        earlier = texts.get((row["source"], row["text"]))
        if fault := _fault_of(row, columns, earlier):
            tally.skip(line, fault)
            continue
        tally.kept += 1
        rated = earlier or _Rated(row["text"], row["source"], row["lang"])
        rated.labels |= {label: RATINGS[row[label]] for label in columns}
        rated.language = rated.language or row["lang"]
        texts[row["source"], row["text"]] = rated
    harms = analytics[schema.LABELLED_HARMS.name]
    changed = put_labelled(harms, (rated.as_document(now) for rated in texts.values()))
    return TextsReport(tally, len(texts), changed)


def _fault_of(row: Row, columns: Sequence[str], earlier: _Rated | None) -> str:
    """Why a line cannot be used; empty where it can.

    columns  labels for which it has something
    earlier  what lines before say of the same text
    """
    if not row["text"]:
        return "no text"
    if len(row["text"]) > MAX_TEXT_LENGTH:
        return f"a text of more than {MAX_TEXT_LENGTH:,} characters"
    if not _SOURCE.fullmatch(row["source"]):
        return "no source: 1 to 64 letters, digits, spaces or ().:-_ are needed"
    if row["lang"] and not _LANGUAGE.fullmatch(row["lang"]):
        return f"no language {row['lang']!r}: two small letters are needed"
    if not columns:
        return "no label is rated"
    if wrong := next((label for label in columns if row[label] not in RATINGS), ""):
        return f"{wrong} is {row[wrong]!r}: 1, 0 or nothing is needed"
    if earlier is None:
        return ""
    rated = {label: RATINGS[row[label]] for label in columns}
    if differing := next((label for label in rated if earlier.labels.get(label, rated[label]) != rated[label]), ""):
        return f"{differing} is rated otherwise in a line before"
    return "repeated line" if rated.items() <= earlier.labels.items() else ""
