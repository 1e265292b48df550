"""Starts a program that is to be released in an empty environment, and sees that it is what it should be and works:
release.py PROGRAM VERSION REVISION."""

import json
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

DEADLINE = 30
VALUES = [1.5, 2.5, -4.0, 8.0]


class Store(BaseHTTPRequestHandler):
    """A web server with one object."""

    def do_GET(self):
        body = struct.pack(f"<{len(VALUES)}f", *VALUES)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def get(url):
    with urllib.request.urlopen(url, timeout=DEADLINE) as answer:
        return answer.read()


def total(service, body):
    request = urllib.request.Request(
        f"{service}/v2/sum", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        # A float32 in a byte string of CBOR, behind the key `bytes`.
        _, _, rest = answer.read().partition(b"ebytes")
    assert rest[0] == 0x44, rest
    return struct.unpack("<f", rest[1:5])[0]


def listening(program):
    """The address that the program says it listens at."""
    for line in program.stderr:
        event = json.loads(line)
        if event["message"] == "listening":
            return f"http://{event['address']}"
    raise SystemExit("release: the program does not start")


def check(program, version, revision):
    store = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "data").write_bytes(struct.pack(f"<{len(VALUES)}f", *VALUES))
        command = [Path(program).resolve(), "--host", "127.0.0.1", "--port", "0", "--file-root", root]
        with subprocess.Popen(command, env={}, stderr=subprocess.PIPE, text=True) as running:
            try:
                service = listening(running)
                told = json.loads(get(f"{service}/version"))
                assert (told["version"], told["revision"]) == (version, revision), told
                common = {"dtype": "float32", "byte_order": "little"}
                assert total(service, {"interface_type": "file", "url": "file:///data", **common}) == sum(VALUES)
                # By name: a static program has to bring its own resolver.
                url = f"http://localhost:{store.server_port}/data"
                assert total(service, {"interface_type": "http", "url": url, **common}) == sum(VALUES)
                unknown = {"interface_type": "http", "url": "http://no-such-host.invalid/data", **common}
                try:
                    total(service, unknown)
                except urllib.error.HTTPError as error:
                    assert error.code == 502, error
                else:
                    raise SystemExit("release: a name that nobody has was resolved")
            finally:
                running.terminate()
            running.communicate(timeout=DEADLINE)
        assert running.returncode == 0, running.returncode
    print(f"{program}: version {version}, starts, reads a file and from a server by name, stops")


if __name__ == "__main__":
    check(*sys.argv[1:])
