"""The letters of languages that share a script, those of loanwords included.

They correct two mistakes. A library scores how often letters occur together, and names a language even for a text with
letters that the language does not have. And a script alone names a language although others write it too, with letters
of their own.
"""

import re
from typing import Final

_ARABIC = "ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيـ"
_VIETNAMESE = "".join(map(chr, range(0x1EA0, 0x1EFA)))

# The letters beyond ASCII that each language writes, in lower case.
LETTERS = {
    code: frozenset(letters)
    for code, letters in {
        "ru": "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
        "uk": "абвгдежзийклмнопрстуфхцчшщьюяґєії",
        "ar": _ARABIC + "پچڤگ",  # of other languages' sounds, in names and dialects
        "fa": _ARABIC + "پچژگکیۀ",
        "de": "äöüßéèàçñ",
        "en": "éèêïöçñ",
        "es": "áéíóúüñç",
        "fr": "àâæçéèêëîïôœùûüÿ",
        "id": "éèâ",
        "it": "àèéìíîòóùúç",
        "ms": "éèâ",
        "nl": "áàâçéèêëíïóôöúûüñ",
        "pl": "ąćęłńóśźżé",
        "pt": "ãáàâçéêíõóôúü",
        "sv": "åäöéèàáü",
        "tl": "ñáàâéèêíìîóòôúùû",
        "tr": "çğıöşüâîûýþð",  # the last three for ı, ş, ğ in texts of another code page
        "vi": _VIETNAMESE + "ăâđêôơưàáãèéìíòóõùúýĩũ",
    }.items()
}
# The part of the words that may have a letter which the language lacks, as names do: no sentence in 18 languages has as
# many (sib200, train).
FOREIGN_RATIO = 1 / 4

# Letters and signs that a language does not write and other languages of its script do; above each, these languages.
# The scripts of `scripts.LANGUAGE_OF_SCRIPT` that are missing here have no such letters (Tamil), count for the same
# language (Bopomofo), or are decided by charsets (Han).
FOREIGN_LETTERS: Final = {
    code: re.compile(letters)
    for code, letters in {
        # Assamese, Manipuri, Sanskrit
        "bn": "[ঌঽৠ-ৣৰৱৼ]",
        # Dhivehi of Addu
        "dv": "\u07b1",
        # Ancient Greek, Bactrian, Arvanitika
        "el": "[\u0370-\u0373\u0376\u0377\u03cf\u03d8-\u03e1\u03f3\u03f7-\u03fb\u1f00-\u1fff]",
        # Sanskrit, Avestan, Khojki
        "gu": "[ઌઽૠ-ૣૹ-૿]",
        # Yiddish: digraphs, letters with rafe, alef with a vowel
        "he": "[\u05bf\u05f0-\u05f2]|א[\u05b7\u05b8]",
        # Marathi, Sanskrit, Kashmiri, Sindhi, Bihari
        "hi": "[ऄऎऒऩऱळऴऽॆॊॎॏॠ-ॣॲ-ॿऺऻ]",
        # Armenian of dialectologists
        "hy": "[\u0560\u0588]",
        # Ainu
        "ja": "[\u31f0-\u31ff]",
        # Svan, Mingrelian, Laz, Ossetian, Abkhaz, Old Georgian
        "ka": "[\u10a0-\u10cf\u10f1-\u10fa\u10fd-\u10ff\u2d00-\u2d2f]",
        # Sanskrit, Pali
        "km": "[\u179d\u179e\u17dc\u17dd]",
        # Konkani, Sanskrit, Old Kannada
        "kn": "[ಌಽೞೡ-ೣೱ-ೳ]",
        # Jeju, Cia-Cia, Middle Korean; not the dot (U+318D) that parts words of a list
        "ko": "[\u1113-\u1160\u1176-\u11a7\u11c3-\u11ff\u3165-\u318c\u318e\ua960-\ua97c\ud7b0-\ud7fb]",
        # Khmu, Pali
        "lo": "[\u0e86\u0e89\u0e8c\u0e8e-\u0e93\u0e98\u0ea0\u0ea8\u0ea9\u0eac\u0eba\u0ede\u0edf]",
        # Sanskrit, Konkani, Paniya
        "ml": "[\u0d00\u0d01\u0d04ഌഩഺ\u0d3b\u0d3cഽ\u0d54-\u0d56\u0d5fൡ-ൣ]",
        # Shan, Mon, Karen, Kayah, Palaung, Khamti, Pa'o, Sanskrit; not U+1064, which strays into Burmese from Zawgyi
        "my": "[\u1022\u1028\u1033-\u1035\u1050-\u1063\u1065-\u108f\u109a-\u109d\ua9e0-\ua9fe\uaa60-\uaa7f]",
        # Sanskrit
        "or": "[ଌଽୠ-ୣ]",
        # Sanskrit, Braj
        "pa": "[\u0a01\u0a51\u0a75]",
        # Sanskrit
        "si": "[\u0d81ඏඐෟෳ]",
        # Sanskrit, Konda
        "te": "[ఌఽౘ-ౚౡ-ౣ]",
        # Pali, Pattani Malay, Northern Khmer
        "th": "\u0e3a",
    }.items()
}
# The part of the letters that may be such foreign letters, as in a name: another language has more in every sentence.
FOREIGN_LETTERS_RATIO = 1 / 40
# What only the language itself writes, which outweighs foreign letters. Burmese for the font Zawgyi uses the codes of
# Shan letters for other shapes, vowel signs that begin a word, and a virama that joins nothing. Fully pointed Hebrew
# has points below alef.
_OWN_LETTERS = {
    "my": re.compile("(?<![\u1000-\u109f])\u1031|\u1039(?![\u1000-\u1021])"),
    "he": re.compile("[\u05b0-\u05b3\u05b5\u05b6\u05b9]"),
}

_WORD = re.compile(r"[^\W\d_]+")


def may_be_written_in(code: str, text: str) -> bool:
    """Whether the words of a text in compatible characters, except for a few names, have only letters of a language.

    code  ISO 639-1; True for a language that is not listed here

    >>> may_be_written_in("ru", "Привет, мир"), may_be_written_in("ru", "Привіт, світ")
    (True, False)
    >>> may_be_written_in("bn", "আজ আবহাওয়া ভালো"), may_be_written_in("bn", "আজি বতৰ ভাল")
    (True, False)
    """
    foreign_letters = FOREIGN_LETTERS.get(code)
    if foreign_letters:
        count = len(foreign_letters.findall(text))
        if not count or count <= FOREIGN_LETTERS_RATIO * sum(letter > "\x7f" for letter in text):
            return True
        return code in _OWN_LETTERS and _OWN_LETTERS[code].search(text) is not None
    letters = LETTERS.get(code)
    lower = text.lower()
    foreign = {letter for letter in set(lower) if letter > "\x7f" and letter.isalpha()} - letters if letters else None
    if not foreign:
        return True
    words = _WORD.findall(lower)
    return sum(not foreign.isdisjoint(word) for word in words) <= FOREIGN_RATIO * len(words)
