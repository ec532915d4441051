"""A function for tests of containers, which import it: it does what an event asks."""

import os
import signal
from pathlib import Path
from typing import Any

from shared.errors import Unavailable
from tests.waiting import until

if os.environ.get("IMPORTED_ONLY_IN", str(os.getpid())) != str(os.getpid()):
    raise ImportError("it is not to be imported")

calls: list[str] = []


def handler(event: Any, context: Any) -> dict[str, Any]:
    calls.append(event["do"])
    folder = Path(event["folder"])
    (folder / str(os.getpid())).touch()
    match event["do"]:
        case "meet":
            until(lambda: len(list(folder.iterdir())) >= event["processes"])
        case "stay":
            (folder / "stays").touch()
            until((folder / "leave").exists)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "fail":
            raise Unavailable("the database does not answer")
        case "print":
            print("printed", event["text"])
    return {"statusCode": 200, "headers": {}, "body": event.get("text", ""), "pid": os.getpid(), "calls": len(calls)}
