"""Annotate texts: the language, the topics and the embedding of each."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from functions.topics.classifier import FAMILY, FINGERPRINT, KEY, Classifier, Match
from functions.topics.evidence import evidence
from functions.topics.options import Topics
from functions.topics.store.topic_tree import TopicTree
from functions.topics.taxonomy import taxonomy
from shared.artifacts import Registry
from shared.config import Options
from shared.provenance import digest
from shared.report import Report
from shared.store import Store
from shared.text import PREPARATION
from shared.text.embedding import SUPPORTED, embed, load
from shared.text.language import UNKNOWN, NamedLanguage, Namer, identifier
from shared.text.normalise import plain, tokens
from shared.text.options import Language
from shared.text.vectors import packed


@dataclass(frozen=True, slots=True)
class TextAnnotator:
    """Everything that is needed to annotate a text.

    identify    names the language of a text
    classifier  names the topics of an embedding
    topic_ids   id of each path of the taxonomy
    options     of topics
    version     changes whenever the same text might get other annotations
    refused     the reason for each newer model that was refused before this one was taken
    """

    identify: Namer
    classifier: Classifier
    topic_ids: Mapping[str, ObjectId]
    options: Topics
    version: str
    refused: Sequence[str] = ()

    @property
    def warning(self) -> Report:
        """The number of refused models, to add to the report of a run; empty where none was refused."""
        return Report(details={"refused_models": len(self.refused)} if self.refused else {})

    def annotate(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """The fields of contentinfo for each text.

        language            ISO 639-1, or n/a
        languageConfidence  0..1, higher = surer
        topicState          named (there are topics), none (no topic fits), short (too few words), excluded (language
                            excluded by an option), unknown (language unknown), unsupported (the embedding does not
                            support the language)
        topics              ids of the topics and of all above them, the surest first
        topicScores         their paths and confidences 0..1
        topicEvidence       the same with what speaks for each, see `evidence`; absent without topics
        vector              embedding of the text, 512 float16; absent where the language is not supported
        """
        languages = [self.identify(text) for text in texts]
        words = [plain(text) for text in texts]
        supported = [row for row, language in enumerate(languages) if language.code in SUPPORTED]
        vectors = embed([words[row] for row in supported])
        annotations = [
            self._fields(language, "unknown" if language.code == UNKNOWN else "unsupported", [])
            for language in languages
        ]
        matches_of = self.classifier.classify(vectors, self.options.max_topics)
        for number, (row, matches, vector) in enumerate(zip(supported, matches_of, packed(vectors), strict=True)):
            state = self._state(words[row], languages[row], matches)
            named = matches if state == "named" else []
            annotations[row] = self._fields(languages[row], state, named) | {"vector": vector}
            if named:
                evidences = [evidence(self.classifier, vectors[number], match) for match in named]
                annotations[row]["topicEvidence"] = evidences
        return annotations

    def _state(self, words: str, language: NamedLanguage, matches: list[Match]) -> str:
        """The `topicState` of a text in a supported language; `words` is its plain text."""
        allowed = self.options.only_languages.split()
        if allowed and language.code not in allowed:
            return "excluded"
        if tokens(words) < self.options.min_tokens:
            return "short"
        return "named" if matches else "none"

    def _fields(self, language: NamedLanguage, state: str, matches: list[Match]) -> dict[str, Any]:
        return {
            "language": language.code,
            "languageConfidence": round(language.confidence, 4),
            "topicState": state,
            "topics": [self.topic_ids[match.path] for match in matches if match.path in self.topic_ids],
            "topicScores": [{"path": match.path, "confidence": round(match.confidence, 4)} for match in matches],
        }


Sources = tuple[Store, str | None, int, Language, Topics]
_cache: dict[Sources, TextAnnotator] = {}  # one entry at most


def open_annotator(store: Store, registry: Registry, options: Options, *, now: datetime) -> TextAnnotator:
    """The annotator with the live model and the stored topics, made anew in a process only when one of them changed;
    with the prototypes of the taxonomy alone where no model is live."""
    annotator = _cache.get(_sources(store, registry, options)) if _cache else None
    if annotator is None:
        annotator = _make(store, registry, options, now)
        _cache.clear()
        _cache[_sources(store, registry, options)] = annotator
    return annotator


def _sources(store: Store, registry: Registry, options: Options) -> Sources:
    version = registry.live_version(FAMILY, KEY)
    return store, version, TopicTree(store).fingerprint(), options.of(Language), options.of(Topics)


def _make(store: Store, registry: Registry, options: Options, now: datetime) -> TextAnnotator:
    language, topic_options = options.of(Language), options.of(Topics)
    # Half of each load is unpacking, during which the other can run.
    with short_switch_interval(), ThreadPoolExecutor(2) as aside:
        embedding = aside.submit(load)
        identify = aside.submit(identifier, language)
        classifier, refused = registry.load(FAMILY, KEY, FINGERPRINT, Classifier.read)
        topics = {topic.path: {"name": topic.name, "iab": topic.iab or None} for topic in taxonomy().topics}
        topic_ids = TopicTree(store).resolve(topics, now=now)
        embedding.result()
    classifier = classifier or Classifier.of_taxonomy()
    version = version_of(classifier.version, language, topic_options, topic_ids)
    return TextAnnotator(identify.result(), classifier, topic_ids, topic_options, version, refused)


@contextmanager
def short_switch_interval() -> Iterator[None]:
    """Let the interpreter switch between threads a hundred times as often.

    Unpacking releases the interpreter's lock at every block, and would wait 5 ms each time for the thread that parses.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 100)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def version_of(model: str, language: Language, options: Topics, topic_ids: Mapping[str, ObjectId]) -> str:
    """A hash of everything that annotations depend on: the model, the preparation of texts, the options and the ids of
    the topics.

    >>> version_of("a", Language(), Topics(), {}) != version_of("b", Language(), Topics(), {})
    True
    """
    topics = (options.min_tokens, options.only_languages, options.max_topics)
    return digest(model, PREPARATION, language, topics, {path: str(topic) for path, topic in topic_ids.items()})
