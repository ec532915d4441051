"""What a text says of itself: its language, its topics, and its place among all texts."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from functions.topics.classifier import FAMILY, FINGERPRINT, KEY, Classifier, Match
from functions.topics.taxonomy import taxonomy
from shared.artifacts import Registry
from shared.config import Options, Topics
from shared.provenance import digest
from shared.report import Report
from shared.store import Store
from shared.text import PREPARATION, UNKNOWN, NamedLanguage, Namer, identifier, plain, tokens
from shared.text.embedding import SUPPORTED, embed, load
from shared.text.vectors import packed


@dataclass(frozen=True, slots=True)
class TextAnnotator:
    """Everything that it takes to describe a text.

    identify    names the language
    classifier  names the topics of a vector
    topic_ids   id of each path of the taxonomy
    options     of topics
    version     changes when the same text might be described otherwise
    refused     why each model was refused before one was found that may be used, or none
    """

    identify: Namer
    classifier: Classifier
    topic_ids: Mapping[str, ObjectId]
    options: Topics
    version: str
    refused: Sequence[str] = ()

    @property
    def warning(self) -> Report:
        """How many models were refused, to be told with what is done by this one; nothing where none was."""
        return Report(details={"refused_models": len(self.refused)} if self.refused else {})

    def describe(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The fields of contentinfo for each text.

        language            ISO 639-1, or n/a
        languageConfidence  0..1, higher = surer
        topicState          named, none (of them fits), short (too few words), excluded (by option), unknown (language),
                            unsupported (the embedding does not serve the language)
        topics              ids of the topics and of all above them, the surest first
        topicScores         their paths and confidences 0..1
        vector              of the text, 512 float16; absent where the language is not served
        """
        guesses = [self.identify(text) for text in texts]
        words = [plain(text) for text in texts]
        served = [row for row, guess in enumerate(guesses) if guess.code in SUPPORTED]
        vectors = embed([words[row] for row in served])
        found = [self._fields(guess, "unknown" if guess.code == UNKNOWN else "unsupported", []) for guess in guesses]
        matches = self.classifier.classify(vectors, self.options.most)
        for row, match, vector in zip(served, matches, packed(vectors), strict=True):
            state = self._state(words[row], guesses[row], match)
            named = match if state == "named" else []
            found[row] = self._fields(guesses[row], state, named) | {"vector": vector}
        return found

    def _state(self, words: str, guess: NamedLanguage, matches: list[Match]) -> str:
        only = self.options.only_languages.split()
        if only and guess.code not in only:
            return "excluded"
        if tokens(words) < self.options.min_tokens:
            return "short"
        return "named" if matches else "none"

    def _fields(self, guess: NamedLanguage, state: str, matches: list[Match]) -> dict[str, Any]:
        return {
            "language": guess.code,
            "languageConfidence": round(guess.confidence, 4),
            "topicState": state,
            "topics": [self.topic_ids[match.path] for match in matches if match.path in self.topic_ids],
            "topicScores": [{"path": match.path, "confidence": round(match.confidence, 4)} for match in matches],
        }


Sources = tuple[Store, str | None, int, Options]
_kept: dict[Sources, TextAnnotator] = {}


def open_describer(store: Store, registry: Registry, options: Options, *, now: datetime) -> TextAnnotator:
    """The describer of the live model and of the topics that there are, made once per process for both; of the taxonomy
    alone where none is live."""
    describer = _kept.get(_sources(store, registry, options)) if _kept else None
    if describer is None:
        describer = _make(store, registry, options, now)
        _kept.clear()  # the one before is not asked for again
        _kept[_sources(store, registry, options)] = describer
    return describer


def _sources(store: Store, registry: Registry, options: Options) -> Sources:
    return store, registry.live_version(FAMILY, KEY), store.topic_tree.fingerprint(), options


def _make(store: Store, registry: Registry, options: Options, now: datetime) -> TextAnnotator:
    with (
        short_switch_interval(),
        ThreadPoolExecutor(2) as aside,
    ):  # half of each load is unpacking, while the other can run
        embedding = aside.submit(load)
        identify = aside.submit(identifier, options.language)
        classifier, refused = registry.load(FAMILY, KEY, FINGERPRINT, Classifier.read)
        wanted = {topic.path: {"name": topic.name, "iab": topic.iab or None} for topic in taxonomy().topics}
        topic_ids = store.topic_tree.resolve(wanted, now=now)
        embedding.result()
    classifier = classifier or Classifier.of_phrases()
    version = version_of(classifier.version, options, topic_ids)
    return TextAnnotator(identify.result(), classifier, topic_ids, options.topics, version, refused)


@contextmanager
def short_switch_interval() -> Iterator[None]:
    """Let threads take turns a hundred times as often.

    Unpacking gives the interpreter back at every block, and would wait 5 ms each time for the thread that parses.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def version_of(model: str, options: Options, topic_ids: Mapping[str, ObjectId]) -> str:
    """One name for the model, how texts are prepared, every option that a description depends on, and the ids of the
    topics that it names.

    >>> version_of("a", Options(), {}) == version_of("a", Options(), {}) != version_of("b", Options(), {})
    True
    """
    topics = (options.topics.min_tokens, options.topics.only_languages, options.topics.most)
    return digest(model, PREPARATION, options.language, topics, sorted(topic_ids.items()))
