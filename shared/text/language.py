"""The language of a text, or `n/a`.

Three conditions, in this order: Thai; another language that is known; unknown. Scripts settle what they can; the
rest is left to a library, either of two behind one interface. Too little to tell by is unknown, not guessed at.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from shared.config import Language
from shared.errors import BadConfig, Unavailable
from shared.text.alphabets import may_be_written_in
from shared.text.normalise import plain
from shared.text.scripts import HAN, SCRIPTS, SETTLES, language_of_han, main_script, only, weights

UNKNOWN = "n/a"
ENOUGH_CHARACTERS = 1_000  # of a text that a library looks at; more change nothing but the time

# Evidence is a language's chance times the different letters of the text: a library is as sure of "asdfgh" as of many
# a word. With this much, py3langid is right on 92 % of the single words and 93 % of the pairs that it still names, 95 %
# and 97 % if Indonesian and Malay are one. langdetect is always sure, so letters alone count: 88 % (sib200, train).
MIN_EVIDENCE = {"py3langid": 1.5, "langdetect": 9.0}


@dataclass(frozen=True, slots=True)
class NamedLanguage:
    """What a text is written in.

    code        ISO 639-1 in lower case, or UNKNOWN
    confidence  0..1, higher is surer; 0 for UNKNOWN
    """

    code: str
    confidence: float


NOBODY_KNOWS = NamedLanguage(UNKNOWN, 0.0)

Namer = Callable[[str], NamedLanguage]
# Chances of the languages that are served, 0..1. What they lack to 1 is the chance of all others that are known.
Chances = Callable[[str], dict[str, float]]

# What the libraries tell apart and ISO 639-1 does not.
_VARIETIES = {"arz": "ar", "ary": "ar", "nn": "no", "wuu": "zh", "yue": "zh", "zh-cn": "zh", "zh-tw": "zh"}
_LOADING = Lock()


def identifier(options: Language) -> Namer:
    """What names the language of a raw text. The first call loads, in a second or less; the next give the same.

    BadConfig names a language that is served and that neither a script nor the library can name.
    """
    with _LOADING:
        return _identifier(options)


@lru_cache(maxsize=4)
def _identifier(options: Language) -> Namer:
    served = frozenset(options.served.split())
    if not served:
        raise BadConfig("option language.served: names no language")
    left = served - set(SETTLES.values())
    chances = ENGINES[options.engine](left) if left else lambda _: {}

    def name(text: str) -> NamedLanguage:
        text = plain(text)
        found = weights(text)
        if not found:
            return NOBODY_KNOWS
        script, part = main_script(found, text)
        if script in SETTLES:
            code = language_of_han(text) if script == HAN else SETTLES[script]
            return NamedLanguage(code, part) if code in served and may_be_written_in(code, text) else NOBODY_KNOWS
        text = text[:ENOUGH_CHARACTERS]
        if len(found) > 1:
            text = only(script, text)
        letters = sum(SCRIPTS[letter] != "" for letter in set(text))
        if letters < options.least_letters:
            return NOBODY_KNOWS
        likeliest = _likeliest(chances(text), letters, options)
        return likeliest if may_be_written_in(likeliest.code, text) else NOBODY_KNOWS

    return name


def _likeliest(chances: dict[str, float], letters: int, options: Language) -> NamedLanguage:
    """The best of the languages that are served, unless the text is likely of another, or says too little of which."""
    served = sum(chances.values())
    if not served or served < options.least_served_ratio:
        return NOBODY_KNOWS
    code = max(chances, key=chances.__getitem__)
    confidence = min(chances[code] / served, 1.0)
    enough = confidence >= options.least_confidence_ratio and chances[code] * letters >= MIN_EVIDENCE[options.engine]
    return NamedLanguage(code, confidence) if enough else NOBODY_KNOWS


def _py3langid(served: frozenset[str]) -> Chances:
    """Weighs the served languages against all that the library knows, so that a text of another can be refused."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    try:
        library = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError as error:  # it unpacks itself into a temporary file
        raise Unavailable(f"there is no room to unpack the language model: {type(error).__name__}") from error
    _codes(library.labels, served, "py3langid")
    return lambda text: _by_code(library.rank(text), served)


def _langdetect(served: frozenset[str]) -> Chances:
    """Chooses among the served languages only; the seed makes it say the same each time."""
    from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
    from langdetect.lang_detect_exception import LangDetectException

    library = DetectorFactory()
    library.set_seed(0)
    library.load_profile(PROFILES_DIRECTORY)
    codes = _codes(library.get_lang_list(), served, "langdetect")
    prior = {label: 1.0 for label, code in codes.items() if code in served}

    def chances(text: str) -> dict[str, float]:
        detector = library.create()
        detector.set_prior_map(prior)
        detector.append(text)
        try:
            found = detector.get_probabilities()
        except LangDetectException:  # nothing in the text that it knows
            return {}
        return _by_code(((one.lang, one.prob) for one in found), served)

    return chances


ENGINES: dict[str, Callable[[frozenset[str]], Chances]] = {"py3langid": _py3langid, "langdetect": _langdetect}


def _codes(labels: Iterable[str], served: frozenset[str], engine: str) -> dict[str, str]:
    """Code of each label of a library; BadConfig where a language that is served has none."""
    codes = {label: _VARIETIES.get(label, label) for label in labels}
    unknown = served - set(codes.values())
    if unknown:
        raise BadConfig(f"option language.served: {engine} does not know {', '.join(sorted(unknown))}")
    return codes


def _by_code(chances: Iterable[tuple[str, float]], served: frozenset[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for label, chance in chances:
        code = _VARIETIES.get(label, label)
        if code in served:
            found[code] = found.get(code, 0.0) + chance
    return found
