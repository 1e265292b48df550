"""A web server whose objects may be others from one request to the next."""

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Version = tuple[str, bytes]  # entity tag, content


class ChangingStore(ThreadingHTTPServer):
    """It asks for the object of a path whenever somebody reads a part of it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.objects: dict[str, Callable[[], Version]] = {}

    def put(self, path, current):
        """An object, by what there is of it at the moment; its URL."""
        self.objects[path] = current
        return self.url + path

    def handle_error(self, *_):
        """Who has gone needs no answer."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        current = self.server.objects.get(self.path)
        if current is None:
            return self._reply(404)
        tag, content = current()
        if self.headers.get("if-match", tag) != tag:
            return self._reply(412)
        first, _, last = self.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1 if last else None]
        if not part:
            return self._reply(416, b"", ("content-range", f"bytes */{len(content)}"))
        place = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        return self._reply(206, part, ("content-range", place), ("etag", tag))

    def _reply(self, status, body=b"", *headers):
        self.send_response(status)
        for name, value in (*headers, ("content-length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def changing_store():
    """One that is empty, until the end of the block."""
    with ChangingStore() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
