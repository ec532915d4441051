"""Options as an operator gives them: checked, and put over the defaults."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from shared.config.feed_options import CollectionName
from shared.errors import BadConfig

LARGEST = 1_000_000  # of any number here; beyond it, a span has no date to begin at
# Whole numbers below which a job fails, or could do nothing; 0 for all others, and above which what they are for fails.
MIN_VALUES = {"splits": 2, "head_folds": 2} | dict.fromkeys(
    (
        *("max_contributors", "max_contents", "max_positives", "negatives", "rounds", "max_depth", "country_rounds"),
        *("country_engagements", "candidates", "lists_per_country", "trees_most_acts", "trees_rounds"),
        *("trees_max_depth", "recent_posts", "accounts_a_message", "rows_per_country", "items", "in_a_row"),
        *("follows_each", "limit", "labelled_most", "repeats", "most", "batch", "reclassify_most", "queue"),
    ),
    1,
)
MAX_VALUES = {"accounts_a_message": 2_000, "items": 100}
MAX_NAME_LENGTH = 100  # bytes of a collection's or a field's name


def override(section: Any, overrides: Mapping[str, Any], path: str) -> Any:
    """The section with these values in place of its own; BadConfig names an unknown option or a value of a wrong type.

    path  of the section, with a dot behind it; empty for all sections together
    """
    if not isinstance(overrides, Mapping):
        raise BadConfig(f"option {path.rstrip('.')}: needs an object of options")
    hints = get_type_hints(type(section), include_extras=True)
    unknown = set(overrides) - set(hints)
    if unknown:
        raise BadConfig(f"option {path}{min(unknown)} does not exist")
    changed = {name: _typed(getattr(section, name), hints[name], v, path + name) for name, v in overrides.items()}
    return replace(section, **changed)


def _typed(default: Any, kind: Any, value: Any, path: str) -> Any:
    """`value` as the option's type: hours for a span, one of the choices for a literal.

    Spans and `…_hours` are above 0, `…_ratio` lies in 0..1, counts are not below 0, or what `MIN_VALUES` says.
    """
    if fields_of(default):
        return override(default, value, f"{path}.")
    if get_origin(kind) is Annotated:
        return _name(value, kind, path)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if kind is timedelta and is_number and value > 0:
        return timedelta(hours=value)
    if kind is float and is_number and _in_range(path, value):
        return float(value)
    if kind is int and type(value) is int and _in_bounds(path, value):
        return value
    if kind in (str, bool) and type(value) is kind:
        return value
    if value in get_args(kind):
        return value
    raise BadConfig(f"option {path}: {value!r} is not a valid value")


def _name(value: Any, kind: Any, path: str) -> str:
    """`value` where MongoDB takes it as a name of that kind."""
    if isinstance(value, str) and value.isprintable() and "$" not in value and len(value.encode()) <= MAX_NAME_LENGTH:
        first, *others = value.split(".")
        reserved = kind == CollectionName and first == "system"
        if all((first, *others)) and not reserved:
            return value
    raise BadConfig(f"option {path}: {value!r} is not a name of {kind.__metadata__[0]} in MongoDB")


def _in_bounds(path: str, value: int) -> bool:
    name = path.rpartition(".")[2]
    return MIN_VALUES.get(name, 0) <= value <= MAX_VALUES.get(name, LARGEST)


def _in_range(path: str, value: float) -> bool:
    if path.endswith("_hours"):
        return value > 0
    return not path.endswith("_ratio") or 0 <= value <= 1


def fields_of(value: object) -> tuple[str, ...]:
    """Names of the options of a section; empty for anything else."""
    return tuple(f.name for f in fields(value)) if hasattr(value, "__dataclass_fields__") else ()  # type: ignore[arg-type]
