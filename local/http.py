"""The HTTP API on this machine: requests become events as Lambda gets them, for the real handler."""

import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from shared.errors import AppError, BadConfig

HOST = "127.0.0.1"
MAX_BYTES = 6 * 2**20  # of a request body, as of Lambda
WITHOUT_BODY = (204, 304)  # status of answers that have none, and no length of it either
SEPARATORS = {"cookie": ";"}  # between the values of a repeated header; of any other a comma
NOT_FOUND = {"statusCode": 404, "headers": {}, "body": '{"message": "Not Found"}'}

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


def by_path(handlers: Mapping[str, Handler]) -> Handler:
    """A handler that hands each request on by its path, as the gateway does.

    handlers  by the first segments of the paths that they answer, such as "/console"; "" answers all others
    """
    prefixes = sorted(handlers, key=len, reverse=True)

    def handler(event: Any, context: Any) -> Any:
        path = event["rawPath"]
        prefix = next((prefix for prefix in prefixes if f"{path}/".startswith(f"{prefix}/") or not prefix), None)
        return NOT_FOUND if prefix is None else handlers[prefix](event, context)

    return handler


@contextmanager
def serving(handler: Handler, listener: Listener, *, at_once: bool = False) -> Iterator[str]:
    """Answer requests, and give the address.

    at_once  whether the handler is called by several threads at once; otherwise it gets one request at a time, as in
             an execution environment of Lambda, on which the functions rely
    """
    listener.RequestHandlerClass = _requests_to(handler, nullcontext() if at_once else threading.Lock())
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{listener.server_port}"
    finally:
        listener.shutdown()
        thread.join()


def event_of(method: str, target: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """A request as an HTTP API hands it to Lambda, payload version 2.0, where cookies are no header."""
    parts = urlsplit(target)
    query = {name: ",".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    try:
        text, encoded = body.decode(), False
    except UnicodeDecodeError:
        text, encoded = b64encode(body).decode(), True
    cookies = [cookie.strip() for cookie in headers.get("cookie", "").split(";") if cookie.strip()]
    http = {"method": method, "path": parts.path, "protocol": "HTTP/1.1", "sourceIp": HOST, "userAgent": ""}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "headers": {name: value for name, value in headers.items() if name != "cookie"},
        "requestContext": {"http": http, "requestId": uuid4().hex, "routeKey": "$default", "stage": "$default"},
        "isBase64Encoded": encoded,
    }
    parts_given = {"queryStringParameters": query, "cookies": cookies, "body": text}
    return event | {name: value for name, value in parts_given.items() if value}


def _requests_to(handler: Handler, turn: AbstractContextManager[Any]) -> type[BaseHTTPRequestHandler]:
    """A request handler class that passes every request to the function's handler, each in its turn."""

    def handled(event: dict[str, Any]) -> dict[str, Any]:
        """The answer of the function; where it fails, the gateway's error 500."""
        try:
            with turn:
                return dict(handler(event, None))
        except AppError:
            return {"statusCode": 500, "headers": {}, "body": '{"message": "Internal Server Error"}'}

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # a body would wait 40 ms for the acknowledgement of its headers

        def answer(self) -> None:
            answer = self.answered()
            body = str(answer.get("body") or "").encode()
            if answer.get("isBase64Encoded"):
                body = b64decode(body)
            status = answer["statusCode"]
            self.send_response(status)
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            for cookie in answer.get("cookies", ()):
                self.send_header("Set-Cookie", cookie)
            if status not in WITHOUT_BODY:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD" and status not in WITHOUT_BODY:
                self.wfile.write(body)

        def answered(self) -> dict[str, Any]:
            """The function's answer, or the gateway's own refusal, before the body is read."""
            length = self.headers.get("Content-Length", "0")
            if self.headers.get("Transfer-Encoding") or not (length.isascii() and length.isdigit()):
                return self.refused(400)
            if int(length) > MAX_BYTES:
                return self.refused(413)
            body, names = self.rfile.read(int(length)), {name.lower() for name in self.headers}
            headers = {name: SEPARATORS.get(name, ",").join(self.headers.get_all(name, [])) for name in names}
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
