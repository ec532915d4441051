"""The options of this process; their sections are found in the domains and in the packages of `shared`.

`FEEDKEEPER_OPTIONS` gives values by section and name as JSON; spans are in hours:
`{"guest_feed": {"rows_per_country": 500}, "content_stats": {"window": 336}}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

from shared.config.section import Section, override
from shared.errors import BadConfig

ROOT: Final = Path(__file__).resolve().parents[2]

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class Options:
    """All sections.

    given  those of which an operator gave values, by class
    """

    given: Mapping[type[Section], Section] = field(default_factory=dict)

    def of(self, section: type[S]) -> S:
        """The options of a section: what was given, else their defaults."""
        value = self.given.get(section)
        return value if isinstance(value, section) else section()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Options":
        """The options with these values by section and name; BadConfig names an unknown or invalid one."""
        known = sections() if values else {}
        if unknown := values.keys() - known.keys():
            raise BadConfig(f"option {min(unknown)} does not exist")
        return cls({known[name]: override(known[name], given, name) for name, given in values.items()})


@cache
def sections() -> Mapping[str, type[Section]]:
    """Every section by its public name, found in `functions/*/options.py` and `shared/*/options.py`."""
    files = [*sorted(ROOT.glob("functions/*/options.py")), *sorted(ROOT.glob("shared/*/options.py"))]
    modules = [import_module(".".join(file.relative_to(ROOT).with_suffix("").parts)) for file in files]
    defined = [value for module in modules for value in vars(module).values() if _is_defined_in(module.__name__, value)]
    return {section.section: section for section in defined}


def _is_defined_in(module: str, value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Section) and value.__module__ == module
