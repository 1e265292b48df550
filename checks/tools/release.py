"""Starts a program that is to be released in an empty environment, and sees that it is what it should be and works:
release.py PROGRAM VERSION REVISION."""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.asking import ask, get, question
from harness.faulty_store import faulty_store

DEADLINE = 30
VALUES = [1.5, 2.5, -4.0, 8.0]


def total(service, **fields):
    """Status and sum."""
    status, _, body = ask(question("sum", {"dtype": "float32", "byte_order": "little"} | fields), service)
    # A float32 in a byte string of CBOR, behind the key `bytes`.
    _, _, rest = body.partition(b"ebytes\x44")
    return status, struct.unpack("<f", rest[:4])[0] if rest else None


def listening(program):
    """The address that the program says it listens at."""
    for line in program.stderr:
        event = json.loads(line)
        if event["message"] == "listening":
            return f"http://{event['address']}"
    raise SystemExit("release: the program does not start")


def check(program, version, revision):
    data = struct.pack(f"<{len(VALUES)}f", *VALUES)
    right = 200, sum(VALUES)
    with tempfile.TemporaryDirectory() as root, faulty_store(data) as store:
        (Path(root) / "data").write_bytes(data)
        command = [Path(program).resolve(), "--host", "127.0.0.1", "--port", "0", "--file-root", root]
        with subprocess.Popen(command, env={}, stderr=subprocess.PIPE, text=True) as running:
            try:
                service = listening(running)
                told = json.loads(ask(get("/version"), service)[2])
                assert (told["version"], told["revision"]) == (version, revision), told
                assert total(service, interface_type="file", url="file:///data") == right
                # By name: a static program has to bring its own resolver.
                url = store.url("/data").replace("127.0.0.1", "localhost")
                assert total(service, interface_type="http", url=url, size=len(data)) == right
                status, _ = total(service, interface_type="http", url="http://no-such-host.invalid/data")
                assert status == 502, status
            finally:
                running.terminate()
            running.communicate(timeout=DEADLINE)
        assert running.returncode == 0, running.returncode
    print(f"{program}: version {version}, starts, reads a file and from a server by name, stops")


if __name__ == "__main__":
    check(*sys.argv[1:])
