"""What answers requests, in modules by what their pages are about: the `ROUTES`, and in `lines` what Today says of it.

A module that needs the code of a domain has the name of that domain, and is deleted with it, as are its templates.
"""

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType


@cache
def modules() -> tuple[ModuleType, ...]:
    """All of them, in the order of their names."""
    return tuple(import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
