"""The language of a text, or `n/a`.

Three cases, in this order: Thai; another language that is known; unknown. A script that one language has to itself
decides; for the other scripts a library does, either of two behind one interface. A text with too little evidence is
unknown instead of being guessed at.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Final

from shared.errors import BadConfig, Unavailable
from shared.text.alphabets import may_be_written_in
from shared.text.characters import EAST_ASIAN, HAN, SCRIPTS
from shared.text.han import MIN_CERTAINTY, certainty, language_of_han
from shared.text.normalise import plain
from shared.text.options import Language
from shared.text.scripts import LANGUAGE_OF_SCRIPT, main_script, only, weights

UNKNOWN = "n/a"
MAX_LIBRARY_CHARACTERS = 1_000  # of a text that a library is given; more only take more time

# The evidence that a language needs: its probability times the number of different letters of the text, since a library
# is as sure of "asdfgh" as of many a word. With this much, py3langid is right for 92 % of the single words and 93 % of
# the pairs of words that it names, 95 % and 97 % if Indonesian and Malay count as one. langdetect is always sure, so
# that letters alone count: 88 % (sib200, train).
MIN_EVIDENCE = {"py3langid": 1.5, "langdetect": 9.0}
MIN_LETTERS: Final = 4  # different letters that a text needs, unless its script settles the language
MIN_CONFIDENCE: Final = 0.3  # probability among the served languages, below which none is named
MIN_SERVED: Final = 0.1  # probability of all served languages together, among all known ones, below which none is named


@dataclass(frozen=True, slots=True)
class NamedLanguage:
    """The language of a text.

    code        ISO 639-1 in lower case, or UNKNOWN
    confidence  0..1, higher = surer; 0 for UNKNOWN
    """

    code: str
    confidence: float


UNKNOWN_LANGUAGE = NamedLanguage(UNKNOWN, 0.0)

Namer = Callable[[str], NamedLanguage]  # of raw texts
# The probabilities 0..1 of the served languages for a plain text, by code. The rest to 1 is the probability of all
# other languages that the library knows.
Probabilities = Callable[[str], dict[str, float]]

# The ISO 639-1 code for varieties that the libraries distinguish.
_VARIETIES = {"arz": "ar", "ary": "ar", "nn": "no", "wuu": "zh", "yue": "zh", "zh-cn": "zh", "zh-tw": "zh"}
_LOADING = Lock()


def identifier(options: Language) -> Namer:
    """A function that names the language of raw texts. The first call with these options loads the library, in a second
    or less; later calls return the same function.

    Raises BadConfig where a served language can be named neither by its script nor by the library.
    """
    with _LOADING:
        return _identifier(options)


@lru_cache(maxsize=4)
def _identifier(options: Language) -> Namer:
    served = frozenset(options.served.split())
    if not served:
        raise BadConfig("option language.served: names no language")
    by_library = served - set(LANGUAGE_OF_SCRIPT.values())
    probabilities = ENGINES[options.engine](by_library) if by_library else lambda _: {}

    def name(text: str) -> NamedLanguage:
        text = plain(text)
        by_script = weights(text)
        if not by_script:
            return UNKNOWN_LANGUAGE
        script, part = main_script(by_script, text)
        if script in LANGUAGE_OF_SCRIPT:
            code = language_of_han(text) if script == HAN else LANGUAGE_OF_SCRIPT[script]
            if code not in served or not may_be_written_in(code, text):
                return UNKNOWN_LANGUAGE
            agreement = certainty(code, text) if script in EAST_ASIAN else 1.0
            return NamedLanguage(code, part * agreement) if agreement >= MIN_CERTAINTY else UNKNOWN_LANGUAGE
        text = text[:MAX_LIBRARY_CHARACTERS]
        if len(by_script) > 1:
            text = only(script, text)
        letters = sum(SCRIPTS[letter] != "" for letter in set(text))
        if letters < MIN_LETTERS:
            return UNKNOWN_LANGUAGE
        likeliest = _likeliest(probabilities(text), letters, options.engine)
        return likeliest if may_be_written_in(likeliest.code, text) else UNKNOWN_LANGUAGE

    return name


def _likeliest(probabilities: dict[str, float], letters: int, engine: str) -> NamedLanguage:
    """The most probable of the served languages; unknown where the text is likely of another language, or has too
    little evidence.

    probabilities  of the served languages, by code
    letters        number of different letters of the text
    """
    of_served = sum(probabilities.values())
    if not of_served or of_served < MIN_SERVED:
        return UNKNOWN_LANGUAGE
    code = max(probabilities, key=probabilities.__getitem__)
    confidence = min(probabilities[code] / of_served, 1.0)
    evidence = probabilities[code] * letters
    is_enough = confidence >= MIN_CONFIDENCE and evidence >= MIN_EVIDENCE[engine]
    return NamedLanguage(code, confidence) if is_enough else UNKNOWN_LANGUAGE


def _py3langid(served: frozenset[str]) -> Probabilities:
    """Compares the served languages with all that the library knows, so that a text in another can be refused."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    try:
        library = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:  # the library unpacks the model into a temporary file
        raise Unavailable(f"there is no room to unpack the language model: {type(error).__name__}") from error
    _codes(library.labels, served, "py3langid")
    return lambda text: _by_code(library.rank(text), served)


def _langdetect(served: frozenset[str]) -> Probabilities:
    """Chooses among the served languages only; the fixed seed makes the results repeatable."""
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
    from langdetect.lang_detect_exception import LangDetectException

    library = DetectorFactory()
    library.set_seed(0)
    library.load_profile(PROFILES_DIRECTORY)
    codes = _codes(library.get_lang_list(), served, "langdetect")
    prior = {label: 1.0 for label, code in codes.items() if code in served}

    def probabilities(text: str) -> dict[str, float]:
        detector = library.create()
        detector.set_prior_map(prior)
        detector.append(text)
        try:
            languages = detector.get_probabilities()
        except LangDetectException:  # the text has nothing that the library knows
            return {}
        return _by_code(((language.lang, language.prob) for language in languages), served)

    return probabilities


ENGINES: dict[str, Callable[[frozenset[str]], Probabilities]] = {"py3langid": _py3langid, "langdetect": _langdetect}


def _codes(labels: Iterable[str], served: frozenset[str], engine: str) -> dict[str, str]:
    """The code of each label of a library; BadConfig where a served language has no label."""
    codes = {label: _VARIETIES.get(label, label) for label in labels}
    unknown = served - set(codes.values())
    if unknown:
        raise BadConfig(f"option language.served: {engine} does not know {', '.join(sorted(unknown))}")
    return codes


def _by_code(probabilities: Iterable[tuple[str, float]], served: frozenset[str]) -> dict[str, float]:
    """The probabilities of the served languages, those of a language's varieties added up.

    probabilities  of the labels of a library
    """
    by_code: dict[str, float] = {}
    for label, probability in probabilities:
        code = _VARIETIES.get(label, label)
        if code in served:
            by_code[code] = by_code.get(code, 0.0) + probability
    return by_code
