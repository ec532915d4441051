"""Invoke one function as Lambda does: import its handler, hand it its sample event, due at a given moment.

python -m benchmarks.invoke stats refresh_content_stats 2026-01-31T12:00:00+00:00
"""

import json
import sys
from importlib import import_module
from pathlib import Path

EVENTS = Path(__file__).parent.parent / "events"


def main(domain: str, stem: str, due: str) -> None:
    """Print what the handler returns, as the last line."""
    event = json.loads((EVENTS / domain / f"{stem}.json").read_text()) | {"time": due}
    print(json.dumps(import_module(f"functions.{domain}.handlers.{stem}").handler(event, None)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
