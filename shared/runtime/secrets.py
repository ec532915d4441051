"""Secrets from the parameter store of AWS Systems Manager, and renewal of settings when a secret may have changed."""

from time import monotonic

from shared.config import are_known, settings
from shared.errors import BadConfig, Unavailable

KEPT_S = 300.0  # seconds for which settings are used before they are read again
KEPT_AFTER_FAILURE_S = 5.0  # the same once a call has failed: long enough that an outage causes few reads

_read_at = 0.0  # of the monotonic clock [s]
_suspect = False


def fetch_secret(name: str) -> str:
    """The decrypted parameter, never from a cache; raises Unavailable where it cannot be read, BadConfig where the
    settings of AWS are wrong."""
    from aws_lambda_powertools.utilities import parameters  # imports boto3: only where a secret is named
    from botocore.exceptions import BotoCoreError

    try:
        return str(parameters.get_parameter(name, decrypt=True, force_fetch=True))
    except parameters.GetParameterError as error:
        raise Unavailable(f"the parameter {name} cannot be read: {error}") from error
    except BotoCoreError as error:  # raised while the client is made: no region, an unknown profile
        raise BadConfig(f"the parameter {name} cannot be read: settings of AWS: {error}") from None


def refresh_settings() -> str:
    """Read the settings of this process again where they are old, so that a changed secret needs no restart.

    Returns an empty text, or the reason why they could not be read: the present settings then stay in use. Raises
    Unavailable or BadConfig where there are none yet.
    """
    global _read_at, _suspect
    now, have_settings = monotonic(), are_known()
    if have_settings and now - _read_at < (KEPT_AFTER_FAILURE_S if _suspect else KEPT_S):
        return ""
    _read_at, _suspect = now, False
    try:
        settings(fetch_secret, anew=have_settings)
    except (Unavailable, BadConfig) as error:
        if not have_settings:
            raise
        return str(error)
    return ""


def mark_suspect() -> None:
    """Have the settings read again after `KEPT_AFTER_FAILURE_S`: a call failed, perhaps since a secret was changed."""
    global _suspect
    _suspect = True
