"""The HTTP API on this machine: requests become events as Lambda gets them, for the real handler."""

import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from shared.errors import AppError, BadConfig

HOST = "127.0.0.1"
MAX_BYTES = 6 * 2**20  # of a request body, as of Lambda

Handler = Callable[[Any, Any], Any]


class Listener(ThreadingHTTPServer):
    """A server that listens, and lets requests wait until `serving` answers them; used in a `with`, which closes it."""

    def __init__(self, port: int = 0) -> None:
        """port 0 is any free port. BadConfig for a port in use."""
        try:
            super().__init__((HOST, port), BaseHTTPRequestHandler)
        except OSError as error:
            raise BadConfig(f"port {port} cannot be listened at: {error.strerror}") from None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that disconnects before its answer; report anything else as the library does."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(handler: Handler, listener: Listener) -> Iterator[str]:
    """Answer requests in a thread, and give the address."""
    listener.RequestHandlerClass = _requests_to(handler)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.server_port}"
    finally:
        listener.shutdown()
        thread.join()


def event_of(method: str, target: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """A request as an HTTP API hands it to Lambda, payload version 2.0."""
    parts = urlsplit(target)
    query = {name: ",".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = b64encode(body).decode(), True
    http = {"method": method, "path": parts.path, "protocol": "HTTP/1.1", "sourceIp": HOST, "userAgent": ""}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": headers,
        "requestContext": {"http": http, "requestId": uuid4().hex, "routeKey": "$default", "stage": "$default"},
        "isBase64Encoded": encoded,
    }
    return event | ({"queryStringParameters": query} if query else {}) | ({"body": text} if text else {})


def _requests_to(handler: Handler) -> type[BaseHTTPRequestHandler]:
    """A request handler class that passes every request to the function's handler."""
    one_at_a_time = threading.Lock()  # as in an execution environment of Lambda: handlers rely on it

    def handled(event: dict[str, Any]) -> dict[str, Any]:
        """The answer of the function; where it fails, the gateway's error 500."""
        try:
            with one_at_a_time:
                return dict(handler(event, None))
        except AppError:
            return {"statusCode": 500, "headers": {}, "body": '{"message": "Internal Server Error"}'}

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            answer = self.answered()
            body = str(answer["body"] or "").encode()
            self.send_response(answer["statusCode"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def answered(self) -> dict[str, Any]:
            """The function's answer, or the gateway's own refusal, before the body is read."""
            length = self.headers.get("Content-Length", "0")
            if self.headers.get("Transfer-Encoding") or not (length.isascii() and length.isdigit()):
                return self.refused(400)
            if int(length) > MAX_BYTES:
                return self.refused(413)
            body, names = self.rfile.read(int(length)), {name.lower() for name in self.headers}
            headers = {name: ",".join(self.headers.get_all(name, [])) for name in names}
            try:
                event = event_of(self.command, self.path, headers, body)
            except ValueError:  # the target is no URL
                return self.refused(400)
            return handled(event)

        def refused(self, status: int) -> dict[str, Any]:
            self.close_connection = True
            return {"statusCode": status, "headers": {}, "body": ""}

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = do_TRACE = answer  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            """Do nothing: the handler logs."""

    return Requests
