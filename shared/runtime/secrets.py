"""Secrets by name, from the Systems Manager parameter store, and settings that follow when they are changed."""

from time import monotonic

from shared.config import are_known, settings
from shared.errors import BadConfig, Unavailable

KEPT_S = 300.0
KEPT_AFTER_FAILURE_S = 5.0  # a secret that was changed shows as a failure; an outage must not become a storm of reads

_read_at = 0.0
_doubted = False


def fetch_secret(name: str) -> str:
    """The decrypted parameter as it is now; Unavailable when it cannot be had."""
    from aws_lambda_powertools.utilities import parameters  # imports boto3: only where a secret is named
    from botocore.exceptions import BotoCoreError

    try:
        return str(parameters.get_parameter(name, decrypt=True, force_fetch=True))
    except parameters.GetParameterError as error:
        raise Unavailable(f"the parameter {name} cannot be read: {error}") from error
    except BotoCoreError as error:  # while the client is made: no region, a profile that is not there
        raise BadConfig(f"the parameter {name} cannot be read: settings of AWS: {error}") from None


def refresh_settings() -> str:
    """Have the settings of this process read again where they are old, so that no rotation needs a restart.

    Returns why they could not be: those that are known go on then. Raises where none are.
    """
    global _read_at, _doubted
    now, known = monotonic(), are_known()
    if known and now - _read_at < (KEPT_AFTER_FAILURE_S if _doubted else KEPT_S):
        return ""
    _read_at, _doubted = now, False
    try:
        settings(fetch_secret, anew=known)
    except (Unavailable, BadConfig) as error:
        if not known:
            raise
        return str(error)
    return ""


def mark_suspect() -> None:
    """A call failed, perhaps since a secret was changed: read them again soon."""
    global _doubted
    _doubted = True
