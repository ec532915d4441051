"""Secrets by name, from the Systems Manager parameter store."""

from shared.errors import Unavailable


def fetch_secret(name: str) -> str:
    """The decrypted parameter; Unavailable when it cannot be had."""
    from aws_lambda_powertools.utilities import parameters  # imports boto3: only where a secret is named

    try:
        return str(parameters.get_parameter(name, decrypt=True))
    except parameters.GetParameterError as error:
        raise Unavailable(f"the parameter {name} cannot be read: {error}") from error
