"""Texts of posts: words of the topic among fillers, in the author's language."""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from local.world.vocabulary import FILLERS_ENGLISH, FILLERS_JAPANESE, FILLERS_THAI, TOPICS, Topic
from shared.columns import IntArray

TOPIC_WORD_RATIO = 0.45  # of the words belong to the topic
# Of the posts have a hashtag with a word, one with the topic, a link, and emojis:
TAG_RATIO = 0.6
SECOND_TAG_RATIO = 0.25
LINK_RATIO = 0.12
SMILE_RATIO = 0.15


def write_messages(rng: Generator, topic: IntArray, language: Sequence[str]) -> list[str]:
    """One message per post, of 2 to 120 words, with hashtags, links and emojis.

    topic     (n,) index into TOPICS
    language  n codes
    """
    lengths = np.clip(rng.lognormal(2.4, 0.7, len(topic)), 2, 120).astype(np.int64)
    words, of_topic = rng.random(lengths.sum()).tolist(), (rng.random(lengths.sum()) < TOPIC_WORD_RATIO).tolist()
    spaces = (rng.random(lengths.sum()) < 0.2).tolist()
    extras = rng.random((len(topic), 6)).tolist()
    ends = lengths.cumsum()
    vocabularies = {code: [_vocabulary(t, code) for t in TOPICS] for code in set(language)}
    messages = []
    for row, (code, number, end, length) in enumerate(zip(language, topic.tolist(), ends, lengths, strict=True)):
        topic_words, fillers = vocabularies[code][number]
        drawn = [
            topic_words[int(w * len(topic_words))] if is_of_topic else fillers[int(w * len(fillers))]
            for w, is_of_topic in zip(words[end - length : end], of_topic[end - length : end], strict=True)
        ]
        text = _join(drawn, spaces[end - length : end], code)
        messages.append(text + _extras(TOPICS[number], code, extras[row]))
    return messages


def _vocabulary(topic: Topic, language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(words of the topic, fillers); for languages without a list English words backwards, with the language's code."""
    if language == "th":
        return topic.thai, FILLERS_THAI
    if language == "ja":
        return topic.japanese, FILLERS_JAPANESE
    if language == "en":
        return topic.english, FILLERS_ENGLISH
    return tuple(w[::-1] + language for w in topic.english), tuple(w[::-1] + language[0] for w in FILLERS_ENGLISH)


def _join(words: list[str], spaces: list[bool], language: str) -> str:
    """The words as a text: Thai has spaces only between phrases, Japanese has none.

    spaces  for each word whether a phrase ends after it
    """
    if language == "th":
        return "".join(word + " " * space for word, space in zip(words, spaces, strict=True))
    return ("" if language == "ja" else " ").join(words)


def _extras(topic: Topic, language: str, draws: list[float]) -> str:
    """Hashtags, link and emojis after the words; `draws` are six random numbers, 0..1."""
    tag, word, local, link, page, smile = draws
    text = ""
    if tag < TAG_RATIO:
        words = topic.thai if language == "th" and local >= TAG_RATIO else topic.english
        text += f" #{words[int(word * len(words))]}"
    if tag < SECOND_TAG_RATIO:
        text += f" #{topic.slug.capitalize()}"
    if link < LINK_RATIO:
        text += f" https://example.org/p/{1 + int(page * 999_999)}"
    if smile < SMILE_RATIO:
        text += " 😀🎉"
    return text
