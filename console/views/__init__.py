"""What answers requests, a module for each domain: its `ROUTES`, and in `lines` what Today says of it.

A domain that is deleted takes its module and its templates with it.
"""

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType


@cache
def modules() -> tuple[ModuleType, ...]:
    """All of them, in the order of their names."""
    return tuple(import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
