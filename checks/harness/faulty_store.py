"""A web server with one object, which can also be down, or make readers wait."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD, ABSENT, DENIED, DOWN, SLOW = "/public/good", "/public/absent", "/public/denied", "/public/down", "/public/slow"
FAILURES = {ABSENT: 404, DENIED: 403, DOWN: 503}


class Store(ThreadingHTTPServer):
    """Everything that the path of a request can bring about, for S3 clients without credentials as well."""

    daemon_threads = True
    request_queue_size = 128  # connections that come at one time
    slow_seconds: float = 30  # that SLOW takes at most

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.content = content
        self.traceparents: list[str] = []  # of whoever has read
        self.asked_slow = threading.Event()  # somebody waits for SLOW
        self.go_on = threading.Event()  # and need not wait any more

    def handle_error(self, *connection: Any) -> None:
        """Who has gone needs no answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*connection)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def do_GET(self) -> None:
        self.server.traceparents += filter(None, [self.headers["traceparent"]])
        if self.path in FAILURES:
            self._reply(FAILURES[self.path], b"")
            return
        if self.path == SLOW:
            self.server.asked_slow.set()
            self.server.go_on.wait(self.server.slow_seconds)
        first, last = map(int, self.headers["range"].removeprefix("bytes=").split("-"))
        content = self.server.content
        place = f"bytes {first}-{last}/{len(content)}"
        self._reply(206, content[first : last + 1], ("content-range", place))

    def _reply(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def faulty_store(content: bytes) -> Iterator[Store]:
    """A store that has these bytes, until the end of the block."""
    with Store(content) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.go_on.set()
            server.shutdown()
            thread.join()
