"""One function as Lambda runs it: its unzipped package, its layers, Lambda's own client, and nothing else of ours.

A `Sandbox` is one execution environment: a process under awslambdaric, which fetches its events one at a time from a
Runtime API that this module serves. A call that exceeds the function's time-out is killed with the process, and the
next call starts another, as on Lambda. AWS's own emulator comes in a package of 340 MB; this one also reports the init
time and the peak memory of each call, and tests can shorten a time-out.
"""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from uuid import uuid4

from layers.build import PYTHON, RUNTIME, Layer, built, interpreter
from layers.package import TEMPLATE, layer_name
from shared.errors import BadConfig

INIT_S = 10.0  # Lambda's time limit of an init
TIMED_OUT, EXITED = "Sandbox.Timedout", "Runtime.ExitError"  # kinds of failures, as Lambda names them

READY, DONE, FAILED, SILENT, GONE = "ready", "done", "failed", "silent", "gone"
ProcessEvent = tuple[str, Any]  # what a process did, and the answer or failure that it sent


@dataclass(frozen=True, slots=True)
class Shipped:
    """A function as it is deployed.

    name          key in serverless.yml
    handler       path.to.module.name
    code          folder of its unzipped package
    paths         folders of its layers' and of the runtime's packages, in the order of import
    python        interpreter
    timeout       of a call [s]
    init_timeout  of the start of a process [s]
    memory        of the function [MB]; passed to the function, not enforced
    """

    name: str
    handler: str
    code: Path
    paths: Sequence[Path]
    python: Path
    timeout: float
    init_timeout: float
    memory: int
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a call.

    answer    of the function; None where it failed
    error     kind of the failure, as Lambda names it; empty where there was none
    init_s    from the start of the process until it asks for its first event [s]; None for a warm call
    seconds   of the call itself [s]
    peak_mb   largest resident memory of the process so far [1e6 bytes]; 0 where it was killed
    """

    answer: Any
    error: str
    init_s: float | None
    seconds: float
    peak_mb: float

    @property
    def first_s(self) -> float:
        """Time that the caller waits [s]."""
        return (self.init_s or 0.0) + self.seconds


def python_of_the_runtime() -> str:
    """The Python version that functions run under here: Lambda's if this machine has it, else that of this process."""
    return PYTHON if interpreter(PYTHON) else f"{sys.version_info.major}.{sys.version_info.minor}"


def unpack(
    key: str, result: Path, folder: Path, layers: Sequence[Layer], environment: Mapping[str, str], *, slowness: float
) -> Shipped:
    """Unzip the packaged function of that key in serverless.yml into `folder`.

    result       folder of the package
    layers       all of them, for one Python
    environment  variables instead of those that a cloud would fill in, such as secrets
    slowness     factor of Lambda's time limits, at least 1
    """
    template: dict[str, Any] = json.loads((result / TEMPLATE).read_text())["Resources"]
    function = template[f"{key[0].upper()}{key[1:]}LambdaFunction"]["Properties"]
    code = folder / key
    with zipfile.ZipFile(result / f"{key}.zip") as archive:
        archive.extractall(code)
    packages = {layer.name: layer.packages for layer in layers}
    named = [layer_name(reference) for reference in reversed(function["Layers"])]  # a later layer lies over an earlier
    python = layers[0].python
    declared = function["Environment"]["Variables"].items()
    variables = {name: value for name, value in declared if isinstance(value, str) and not name.endswith("_PARAMETER")}
    return Shipped(
        name=key,
        handler=function["Handler"],
        code=code,
        paths=[*(packages[name] for name in named), built(RUNTIME, python).packages],
        python=_interpreter(python),
        timeout=function["Timeout"] * slowness,
        init_timeout=INIT_S * slowness,
        memory=function["MemorySize"],
        environment={**variables, **environment},
    )


def _interpreter(version: str) -> Path:
    python = interpreter(version)
    if python is None:
        raise BadConfig(f"no Python {version} on this machine")
    return python


class Sandbox:
    """One execution environment of a function; used in a `with`, which ends its process."""

    def __init__(self, function: Shipped, log: Path) -> None:
        """log  file for the output of the function"""
        self.function, self._log = function, log
        self._process: subprocess.Popen[bytes] | None = None
        self._api = _RuntimeApi()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()
        self._api.shutdown()
        self._api.server_close()

    def invoke(self, event: Any) -> Outcome:
        """Call the function; a failure is in the result."""
        init_s, began = None, time.perf_counter()
        cold = self._process is None
        if cold:
            self._start()
        kind, message = self._api.next_within(self.function.init_timeout)
        if cold:
            init_s = time.perf_counter() - began
        if kind == READY:
            began = time.perf_counter()
            self._api.send(event, self.function.timeout)
            kind, message = self._api.next_within(self.function.timeout)
        took = time.perf_counter() - began
        if kind == DONE:
            return Outcome(message, "", init_s, took, self._peak_mb())
        peak = self._peak_mb() if kind == FAILED else 0.0
        if kind != FAILED or peak == 0.0:
            self.kill()
        return Outcome(None, str(message["errorType"]), init_s, took, peak)

    def kill(self) -> None:
        """Kill the process if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        paths = [self.function.code, *self.function.paths]
        environment = {
            "PATH": os.defpath,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",  # on Lambda the file system is read-only
            "LAMBDA_TASK_ROOT": str(self.function.code),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": self.function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.function.memory),
            **self.function.environment,
        }
        # -S, -P: import neither from site-packages nor from the working folder, only what the function ships.
        command = [str(self.function.python), "-S", "-P", "-m", "awslambdaric", self.function.handler]
        answers = self._api.begin()
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, cwd=self.function.code, env=environment, stdout=log, stderr=log)
        self._process = process

        def watch() -> None:
            process.wait()
            answers.put((GONE, {"errorType": EXITED}))

        Thread(target=watch, daemon=True).start()

    def _peak_mb(self) -> float:
        """Peak memory of the process; the usage that the kernel reports at its end includes that of its parent."""
        assert self._process is not None
        _, _, peak = Path(f"/proc/{self._process.pid}/status").read_text().partition("VmHWM:")
        return int(peak.split()[0]) * 1024 / 1e6 if peak else 0.0  # empty while the process ends


class _RuntimeApi(ThreadingHTTPServer):
    """The four calls of the Runtime API that a function without SnapStart makes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.events: SimpleQueue[tuple[bytes, float]] = SimpleQueue()
        self.answers: SimpleQueue[ProcessEvent] = SimpleQueue()
        Thread(target=self.serve_forever, daemon=True).start()

    def begin(self) -> "SimpleQueue[ProcessEvent]":
        """Forget the process before; the events of the new one come by the returned queue."""
        self.events, self.answers = SimpleQueue(), SimpleQueue()
        return self.answers

    def send(self, event: Any, timeout: float) -> None:
        self.events.put((json.dumps(event).encode(), time.time() + timeout))

    def next_within(self, seconds: float) -> "ProcessEvent":
        try:
            return self.answers.get(timeout=seconds)
        except Empty:
            return SILENT, {"errorType": TIMED_OUT}


class _Call(BaseHTTPRequestHandler):
    """awslambdaric keeps its connection, and asks for the next event as soon as it has answered the last one."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # with it, a small answer waits for the acknowledgement of its headers
    server: _RuntimeApi

    def handle(self) -> None:
        with suppress(ConnectionError):  # of a process that was killed
            super().handle()

    def do_GET(self) -> None:
        events, answers = self.server.events, self.server.answers
        answers.put((READY, None))
        event, deadline = events.get()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", str(uuid4()))
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(deadline * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:local:000000000000:function:local")
        self._end(event)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = DONE if self.path.endswith("/response") else FAILED
        self.server.answers.put((kind, json.loads(body)))
        self.send_response(202)
        self._end(b"{}")

    def _end(self, body: bytes) -> None:
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
