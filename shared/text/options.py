"""Options of the language of texts."""

from typing import ClassVar, Literal

from shared.config import Section


class Language(Section, frozen=True, kw_only=True):
    section: ClassVar[str] = "language"

    engine: Literal["py3langid", "langdetect"] = "py3langid"  # the library for a text whose script is of many languages
    served: str = (  # ISO 639-1 codes that a text may get
        "ar bn de en es fa fr he hi id it ja km ko lo ms my nl pl pt ru sv ta th tl tr uk vi zh"
    )
