"""Small text files of the data folder, read where another program may have damaged them."""

from pathlib import Path

from shared.errors import BadConfig


def text_of(file: Path) -> str:
    """The text of a file without blanks around it; BadConfig names a file that is empty, unreadable or no plain text.

    FileNotFoundError where there is none.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadConfig(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{file} is damaged: it is not UTF-8") from None
    if not text:
        raise BadConfig(f"{file} is empty")
    if not text.isprintable():
        raise BadConfig(f"{file} is damaged: it is not one line of text")
    return text
