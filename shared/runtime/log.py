"""The logger of all functions, one JSON object a line."""

from aws_lambda_powertools import Logger

logger = Logger(service="feedkeeper")
