"""Invoke one function as Lambda does: import its handler, hand it its sample event, due at a given moment; and what it
queues, to the function that the queue feeds.

python -m benchmarks.invoke stats refresh_content_stats 2026-01-31T12:00:00+00:00
"""

import json
import sys
from importlib import import_module
from pathlib import Path

from shared.runtime import queue

# xgboost imports scikit-learn where it finds it, which takes a second; where these functions are deployed it does not.
WITH_SKLEARN = "bots"
EVENTS = Path(__file__).parent.parent / "events"


def main(domain: str, stem: str, due: str) -> None:
    """Print what the handler returns, as the last line."""
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
