"""Stands in for the service where a test has to see the requests, or needs answers that the service never gives."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Mapping[str, str], bytes]  # status, headers, content


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    headers: Message
    body: bytes
    client: tuple[str, int]  # one for each connection

    @property
    def fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.body)
        return fields


class Stub(ThreadingHTTPServer):
    """It is always ready, and answers every question with what `reply` returns."""

    def __init__(self, reply: Callable[[], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.reply = reply
        self.seen: list[Seen] = []
        self.port = self.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def handle_error(self, *_: object) -> None:
        """A connection that the other side has ended."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def do_GET(self) -> None:
        self._reply(200, {}, b"ready\n")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(Seen(self.headers, body, self.client_address))
        self._reply(*self.server.reply())

    def _reply(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def stub(reply: Callable[[], Reply]) -> Iterator[Stub]:
    """A stub, until the end of the block."""
    with Stub(reply) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
