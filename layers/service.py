"""The functions of serverless.yml, read from the files of their domains."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SERVICE = Path(__file__).resolve().parent.parent / "serverless.yml"

_FILE = re.compile(r"\$\{file\((?P<path>[^)]+)\)\}")


class _WithoutTags(yaml.SafeLoader):
    """Loads YAML with CloudFormation's own tags, such as !Ref, as None."""


_WithoutTags.add_multi_constructor("!", lambda loader, suffix, node: None)


def load_service(file: Path = SERVICE) -> dict[str, Any]:
    """The content of a serverless.yml, with all functions under `functions` by key: each as in the file of its domain,
    completed by the values of its kind of `delivery`. Values with CloudFormation's tags are None. Several calls share
    values, which are not to be changed."""
    service: dict[str, Any] = dict(_load(file) or {})
    kinds = service.get("custom", {}).get("delivery", {})
    domains = service.get("functions") or {}
    service["functions"] = {
        key: kinds.get(function.get("delivery"), {}) | function
        for domain in (domains if isinstance(domains, list) else [domains])
        for key, function in _functions(domain, file.parent).items()
    }
    return service


def _functions(domain: str | Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """The functions in the file that a reference names, or the given mapping of functions itself."""
    if not isinstance(domain, str):
        return domain
    reference = _FILE.fullmatch(domain)
    if reference is None:
        raise ValueError(f"functions: {domain}: no ${{file(…)}}")
    functions: Mapping[str, Any] = _load(folder / reference["path"])
    return functions


def _load(file: Path) -> Any:
    return _parsed(file.read_text())


@cache  # parsing takes .02 s for each file, and some commands ask hundreds of times
def _parsed(text: str) -> Any:
    return yaml.load(text, Loader=_WithoutTags)
