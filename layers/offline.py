"""A stand-in for CloudFormation, so that `osls package` works without a network.

To package layers, osls asks CloudFormation what is deployed; the stand-in answers that nothing is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

NO_SUCH_STACK = b"""<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
<Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error>
<RequestId>offline</RequestId></ErrorResponse>"""


class NothingDeployed(BaseHTTPRequestHandler):
    """Answers every call as CloudFormation does for an unknown stack."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(400)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(NO_SUCH_STACK)))
        self.end_headers()
        self.wfile.write(NO_SUCH_STACK)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def cloudformation() -> Iterator[str]:
    """The address of the stand-in, which runs inside the `with`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), NothingDeployed) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
