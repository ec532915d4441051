"""The real annotator on the databases of each test, and the texts that it embeds."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from functions.topics import classify_content
from functions.topics.annotate import TextAnnotator, open_annotator
from functions.topics.classifier import Classifier
from functions.topics.options import Topics
from shared.artifacts import Registry
from shared.config import Options
from shared.documents import Document
from shared.report import Report
from shared.runtime.change_events import change_of
from shared.store import Store
from shared.text.embedding import embed
from tests.changes import ids
from tests.conftest import SIGNING_KEY, Databases

Classify = Callable[..., Report]


@pytest.fixture(scope="session")
def without_heads() -> Classifier:
    """The classifier of the taxonomy; embedding its prototypes takes longer than most tests do."""
    return Classifier.of_taxonomy()


@pytest.fixture
def annotator(store: Store, without_heads: Classifier, monkeypatch: pytest.MonkeyPatch, noon) -> TextAnnotator:
    monkeypatch.setattr(Classifier, "of_taxonomy", lambda: without_heads)
    return open_annotator(store, Registry(store.analytics, [SIGNING_KEY.encode()]), Options(), now=noon)


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that was embedded since the test began."""
    texts: list[str] = []

    def remember(batch: list[str]) -> np.ndarray:
        texts.extend(batch)
        return embed(batch)

    monkeypatch.setattr("functions.topics.annotate.embed", remember)
    return texts


@pytest.fixture
def classify(store: Store, annotator: TextAnnotator, noon) -> Classify:
    """Run the job on changes as they arrive."""

    def run(*raw: Document, options: Topics = Topics(), by: TextAnnotator = annotator) -> Report:  # noqa: B008
        changes = [change_of(event, "contents", now=datetime.now(UTC)) for event in raw]
        return classify_content.run(store, by, options, changes, now=noon)

    return run


@pytest.fixture
def kept(databases: Databases) -> Callable[..., Any]:
    """The stored annotations of the post of that name, or of all posts."""

    def find(name: str | None = None) -> Any:
        if name is None:
            return list(databases.app.contentinfo.find().sort("contentId", 1))
        return databases.app.contentinfo.find_one({"contentId": ids(name)[0]})

    return find


@pytest.fixture
def paths(databases: Databases) -> Callable[[Document], list[str]]:
    """The paths of the topics of a row, by their ids."""

    def of(row: Document) -> list[str]:
        path_of = {topic["_id"]: topic["path"] for topic in databases.analytics.topics.find()}
        return [path_of[topic] for topic in row["topics"]]

    return of
