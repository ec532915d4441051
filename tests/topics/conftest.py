"""The real describer on the databases of each test, and what it was asked to describe."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from functions.topics import classify_content
from functions.topics.annotate import TextAnnotator, open_describer
from functions.topics.classifier import Classifier
from shared.artifacts import Registry
from shared.config import Options, Topics
from shared.documents import Document
from shared.report import Report
from shared.runtime.changes import change_of
from shared.store import Store
from shared.text.embedding import embed
from tests.changes import ids
from tests.conftest import SIGNING_KEY, Databases

Classify = Callable[..., Report]


@pytest.fixture(scope="session")
def prototypes() -> Classifier:
    """The classifier of the taxonomy; to embed its phrases takes longer than most tests do."""
    return Classifier.of_phrases()


@pytest.fixture
def describer(store: Store, prototypes: Classifier, monkeypatch: pytest.MonkeyPatch, noon) -> TextAnnotator:
    monkeypatch.setattr(Classifier, "of_phrases", lambda: prototypes)
    return open_describer(store, Registry(store.analytics, [SIGNING_KEY.encode()]), Options(), now=noon)


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that was embedded since the test began."""
    texts: list[str] = []

    def remember(asked: list[str]) -> np.ndarray:
        texts.extend(asked)
        return embed(asked)

    monkeypatch.setattr("functions.topics.annotate.embed", remember)
    return texts


@pytest.fixture
def classify(store: Store, describer: TextAnnotator, noon) -> Classify:
    """Run the job on changes as they arrive."""

    def run(*raw: Document, options: Topics = Topics(), by: TextAnnotator = describer) -> Report:  # noqa: B008
        changes = [change_of(one, "contents", now=datetime.now(UTC)) for one in raw]
        return classify_content.run(store, by, options, changes, now=noon)

    return run


@pytest.fixture
def kept(databases: Databases) -> Callable[..., Any]:
    """What is kept of a post by its name, or of all."""

    def find(name: str | None = None) -> Any:
        if name is None:
            return list(databases.app.contentinfo.find().sort("contentId", 1))
        return databases.app.contentinfo.find_one({"contentId": ids(name)[0]})

    return find


@pytest.fixture
def paths(databases: Databases) -> Callable[[Document], list[str]]:
    """The paths of the topics of a row, by their ids."""

    def of(row: Document) -> list[str]:
        found = {one["_id"]: one["path"] for one in databases.analytics.topics.find()}
        return [found[topic] for topic in row["topics"]]

    return of
