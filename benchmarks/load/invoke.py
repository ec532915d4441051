"""Invoke one function as Lambda does: import its handler and call it with its sample event, due at a given moment.

Messages that it queues are handed to the function that the queue feeds, in this process.

python -m benchmarks.load.invoke stats refresh_content_stats 2026-01-31T12:00:00+00:00
"""

import json
import sys
from importlib import import_module
from pathlib import Path

from shared.runtime import queue

# xgboost imports scikit-learn where it is installed, which takes a second; the packages of all other domains lack it.
WITH_SKLEARN = "bots"
# PyMongo imports it where it is installed; no package has it.
NEVER_PACKAGED = "cryptography"
EVENTS = Path(__file__).parents[2] / "events"


def main(domain: str, stem: str, due: str) -> None:
    """Print the handler's report as the last line."""
    sys.modules[NEVER_PACKAGED] = None  # type: ignore[assignment]
    if domain != WITH_SKLEARN:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    event = json.loads((EVENTS / domain / f"{stem}.json").read_text()) | {"time": due}
    report = import_module(f"functions.{domain}.handlers.{stem}").handler(event, None)
    while queue.waiting:
        train_personal = import_module("functions.feed.handlers.train_personal").handler
        record = {"messageId": "1", "body": json.dumps(queue.waiting.pop(0)), "eventSource": "aws:sqs"}
        if train_personal({"Records": [record]}, None)["batchItemFailures"]:
            raise SystemExit("a message was returned")
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
