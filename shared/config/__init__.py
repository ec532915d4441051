"""Settings: where the data is, and the options of every job.

Lives here: reading the environment once, and checking the options that an operator gives.
Does not live here: the sections of options (`options.py` of each domain, and of the packages of `shared`), constants.
"""

from shared.config.env import (
    HERE,
    IdentityProvider,
    Settings,
    are_known,
    forget_settings,
    load,
    own_server,
    preset,
    presetting,
    settings,
    share_region,
)
from shared.config.options import Options, sections
from shared.config.section import Count, Hours, Number, PositiveCount, Ratio, Section, Weights

__all__ = [
    "HERE",
    "Count",
    "Hours",
    "IdentityProvider",
    "Number",
    "Options",
    "PositiveCount",
    "Ratio",
    "Section",
    "Settings",
    "Weights",
    "are_known",
    "forget_settings",
    "load",
    "own_server",
    "preset",
    "presetting",
    "sections",
    "settings",
    "share_region",
]
