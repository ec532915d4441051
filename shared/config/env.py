"""The only place that reads the environment."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from shared.config.options import Options
from shared.errors import BadConfig

FetchSecret = Callable[[str], str]

# In place of a queue's URL: messages wait in this process, for who runs the functions in it. In place of a function's
# name: it is called in this process.
HERE = "here"
MIN_KEY_BYTES = 16
MIN_API_KEY_BYTES = 32  # of a key of HMAC-SHA256, as RFC 7518 asks for


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """The OpenID Connect provider that members of the console log in with.

    client_id      of the console, a public client that uses PKCE
    authorize_url  where the browser is sent to log in
    token_url      where it gets the ID token for the code that it comes back with
    """

    client_id: str
    authorize_url: str
    token_url: str


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Everything that a deployment decides. It has no repr, so that no log line can leak a secret.

    mongo_uri       connection string of a replica set; secret
    app_db          database of the application, prefix included
    analytics_db    database of ours, prefix included
    artifact_keys   signing keys of artifacts, newest first: the first signs, all verify; secret, empty where none is
                    given
    api_keys        keys of the tokens that HTTP requests carry, newest first; secret, empty where none is given
    training_queue  URL of the queue that feeds train_personal; empty for who sends nothing there
    called_functions  names of the functions that this one calls, by stems such as "erase_account"; "every" for the rest
    identity_provider  of the members of the console; None where they log in by links alone
    dead_letter_queues  URLs of the queues where events wait that failed for good, for who counts them
    options         of the jobs
    """

    mongo_uri: str
    app_db: str
    analytics_db: str
    artifact_keys: tuple[bytes, ...]
    api_keys: tuple[bytes, ...]
    training_queue: str
    called_functions: Mapping[str, str]
    identity_provider: IdentityProvider | None
    dead_letter_queues: tuple[str, ...]
    options: Options


_loaded: Settings | None = None


def share_region() -> None:
    """Have boto3, which reads AWS_DEFAULT_REGION only, find the region that is given under the name AWS_REGION."""
    if region := os.environ.get("AWS_REGION"):
        os.environ.setdefault("AWS_DEFAULT_REGION", region)


def settings(fetch_secret: FetchSecret | None = None, *, anew: bool = False) -> Settings:
    """The settings of this process, read at the first call and kept; BadConfig names what is missing or wrong.

    anew  read them again; as long as they say the same, the same object is given
    """
    global _loaded
    if _loaded is None or anew:
        current = load(os.environ, fetch_secret)
        _loaded = _loaded if current == _loaded else current
    assert _loaded is not None
    return _loaded


def are_known() -> bool:
    """Whether this process has read its settings."""
    return _loaded is not None


def forget_settings() -> None:
    """Read the environment again at the next call."""
    global _loaded
    _loaded = None


def preset(values: Mapping[str, str]) -> None:
    """Set environment variables of this process, for those who run the functions outside Lambda."""
    os.environ.update(values)
    forget_settings()


@contextmanager
def presetting(values: Mapping[str, str]) -> Iterator[None]:
    """The same while the body runs; afterwards the environment is what it was."""
    before = {name: os.environ.get(name) for name in values}
    preset(values)
    try:
        yield
    finally:
        for name in values:
            os.environ.pop(name, None)
        preset({name: value for name, value in before.items() if value is not None})


def own_server() -> str | None:
    """The URI of a server that the user wants to have used instead of the embedded one."""
    return os.environ.get("MONGO_URI") or None


def load(environment: Mapping[str, str], fetch_secret: FetchSecret | None = None) -> Settings:
    """Settings out of environment variables; BadConfig names the variable that is missing or wrong.

    Secrets stand in `X`, or `X_PARAMETER` names where `fetch_secret` gets them.
    """
    prefix = environment.get("DB_PREFIX", "")
    return Settings(
        mongo_uri=_secret("MONGO_URI", environment, fetch_secret),
        app_db=prefix + (environment.get("APP_DB") or "app-db"),
        analytics_db=prefix + (environment.get("ANALYTICS_DB") or "analytics-db"),
        artifact_keys=_keys("ARTIFACT_KEYS", MIN_KEY_BYTES, environment, fetch_secret),
        api_keys=_keys("API_KEYS", MIN_API_KEY_BYTES, environment, fetch_secret),
        training_queue=environment.get("TRAINING_QUEUE", ""),
        called_functions=_called_functions(environment),
        identity_provider=_identity_provider(environment),
        dead_letter_queues=tuple(url for url in environment.get("DEAD_LETTER_QUEUES", "").split(",") if url),
        options=Options.from_mapping(_json("FEEDKEEPER_OPTIONS", environment)),
    )


def _called_functions(environment: Mapping[str, str]) -> dict[str, str]:
    """The names that variables such as `ERASE_ACCOUNT_FUNCTION` hold, by the stem."""
    suffix = "_FUNCTION"
    return {name.removesuffix(suffix).lower(): value for name, value in environment.items() if name.endswith(suffix)}


def _identity_provider(environment: Mapping[str, str]) -> IdentityProvider | None:
    """None where no variable of it is set; BadConfig names the one that is missing, or that is no address."""
    names = ("OIDC_CLIENT_ID", "OIDC_AUTHORIZE_URL", "OIDC_TOKEN_URL")
    values = [environment.get(name, "") for name in names]
    if not any(values):
        return None
    for name, value in zip(names, values, strict=True):
        if not value:
            raise BadConfig(f"{name} is missing")
        if name.endswith("_URL") and not value.startswith(("https://", "http://127.0.0.1:")):
            raise BadConfig(f"{name}: needs an address of HTTPS")
    return IdentityProvider(*values)


def _secret(name: str, environment: Mapping[str, str], fetch: FetchSecret | None) -> str:
    if environment.get(name):
        return environment[name]
    parameter = environment.get(f"{name}_PARAMETER")
    if not parameter:
        raise BadConfig(f"{name} is missing")
    if fetch is None:
        raise BadConfig(f"{name}_PARAMETER is set, but secrets can only be fetched inside a Lambda function")
    secret = fetch(parameter)
    if not secret:
        raise BadConfig(f"{name}_PARAMETER: the parameter {parameter} is empty")
    return secret


def _keys(name: str, min_bytes: int, environment: Mapping[str, str], fetch: FetchSecret | None) -> tuple[bytes, ...]:
    """None for a function that needs none, and so may not read the secret."""
    if not environment.get(name) and not environment.get(f"{name}_PARAMETER"):
        return ()
    keys = tuple(key.strip().encode() for key in _secret(name, environment, fetch).split(","))
    if any(len(key) < min_bytes for key in keys):
        raise BadConfig(f"{name}: each key needs at least {min_bytes} bytes")
    return keys


def _json(name: str, environment: Mapping[str, str]) -> dict[str, Any]:
    try:
        value = json.loads(environment.get(name) or "{}")
    except ValueError as error:
        raise BadConfig(f"{name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadConfig(f"{name} must be a JSON object of sections")
    return value
