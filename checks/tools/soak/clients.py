"""Attacks of the soak: clients that go away while a variable is read, and clients that stop reading its answer."""

import contextlib
import socket
import struct
import time

from harness.processes import wait_until
from tools.soak.held import in_use, shown
from tools.soak.whole import LARGE, MANY, url_of

LEAVING, SILENT = 120, 24  # clients
LONGEST_STAY = 0.3  # seconds
STOP_SECONDS = 5  # for work to stop when its client has gone
READ_AHEAD = 4096  # bytes that the system takes for a client that does not read
UNREAD_SECONDS = 30  # for connections to end whose clients do not read
UNREAD_STEPS = 8  # of MANY in an answer: more than what the system takes off the service's hands
CBOR, SEQUENCE = "application/cbor", "application/cbor-seq"


def clients_that_leave(scene, report):
    """Clients that go away while a variable is read: the work ends at once."""

    def outcome(number):
        variable = scene.random.choice([MANY, LARGE])
        asked = variable.question(url_of(variable, scene.store))
        with connected(scene, asked, (CBOR, SEQUENCE)[number % 2]) as client:
            time.sleep(scene.random.random() * LONGEST_STAY)
            if number % 3:
                # It is reset, not closed in order.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    outcomes = scene.all(outcome, range(scene.count(LEAVING)))
    return [*outcomes, still_in_use(scene, STOP_SECONDS)]


def clients_that_stop_reading(scene, report):
    """Clients that stop reading answers, in one piece or as a sequence: their connections end, and what they held is free."""
    before = connections(scene)
    asked = MANY.selection(url_of(MANY, scene.store), selection=[[0, UNREAD_STEPS, None], None, None])
    with contextlib.ExitStack() as stack:
        silent = [
            stack.enter_context(connected(scene, asked, (CBOR, SEQUENCE)[number % 2]))
            for number in range(scene.count(SILENT))
        ]
        there = wait_until(lambda: connections(scene) > before, 2, 0.01)
        # They are still there, but for the service.
        ended = wait_until(lambda: connections(scene) <= before, UNREAD_SECONDS)
        return [
            None if there else "no client was connected",
            None if ended else "connections are kept",
            still_in_use(scene, STOP_SECONDS),
            *map(came_whole, silent if ended else []),
        ]


def came_whole(client):
    """Complains of an answer that was kept for a client until it read."""
    length, answer = 0, MANY.values[:UNREAD_STEPS].nbytes
    with contextlib.suppress(OSError):
        while piece := client.recv(1 << 16):
            length += len(piece)
    return f"all {length} bytes came after {UNREAD_SECONDS} s" if length > answer else None


@contextlib.contextmanager
def connected(scene, asked, accept):
    """A client that has sent its request, and reads nothing."""
    host, port = scene.server.address.split(":")
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_AHEAD)
        client.settimeout(UNREAD_SECONDS)
        client.connect((host, int(port)))
        fields = {"host": scene.server.address, "accept": accept, "content-length": len(asked.body), **asked.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        client.sendall(f"POST {asked.path} HTTP/1.1\r\n{head}\r\n{asked.body}".encode())
        yield client


def connections(scene):
    """Connections that the service has with clients."""
    held = scene.server.held()
    stores = sum(held.connections_to(url) for url in (scene.store, scene.changing.url))
    return sum(count for port, count in held.peers.items() if port) - stores


def still_in_use(scene, seconds):
    """What is in use for longer than this, beyond what is so at rest; short requests beside it come and go."""

    def is_back():
        return in_use(scene.server.url) == scene.at_rest

    return None if wait_until(is_back, seconds) else f"still in use: {shown(in_use(scene.server.url))}"
