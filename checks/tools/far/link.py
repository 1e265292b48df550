"""A link over a wide area, on one machine: ports of a network namespace, offered on loopback with delay and a shared rate.

Bytes wait for those before them, in both directions apart, and then for half the round trip. A connection pays a whole
round trip before its first bytes, as for TCP's handshake; TLS would pay more. Bytes and connections are counted: at
SIGUSR1 the counts since the last one are printed, as a line of JSON.
"""

import argparse
import asyncio
import contextlib
import ctypes
import functools
import json
import os
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

PIECE_BYTES = 32 << 10
MOST_PIECES = 64  # under way in each direction of a connection
CONNECT_SECONDS = 5
NEW_NETWORK = 0x40000000  # CLONE_NEWNET
NAMESPACES = "/var/run/netns"

Connected = Callable[[socket.socket | OSError], object]


@dataclass
class Seen:
    """What has crossed the link."""

    up_bytes: int = 0
    down_bytes: int = 0
    connections: int = 0


@dataclass
class Direction:
    """One direction, shared by all connections: until when its line is busy."""

    bytes_per_second: float
    count: Callable[[int], None]
    busy_until: float = 0.0

    def take(self, length: int) -> float:
        """When the last of so many bytes has left the line."""
        self.count(length)
        self.busy_until = max(self.busy_until, time.monotonic()) + length / self.bytes_per_second
        return self.busy_until


class FarSide:
    """Connects to ports of the namespace, from a thread that has moved there."""

    def __init__(self, namespace: str | None) -> None:
        self.namespace = namespace
        self.wanted: queue.SimpleQueue[tuple[int, Connected]] = queue.SimpleQueue()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        """Connects whenever somebody wants to."""
        self.move()
        while True:
            port, connected = self.wanted.get()
            try:
                made = socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                made.setblocking(False)
                connected(made)
            except OSError as error:
                connected(error)

    def move(self) -> None:
        """Has this thread, and no other, be in the namespace."""
        if self.namespace is None:
            return
        descriptor = os.open(f"{NAMESPACES}/{self.namespace}", os.O_RDONLY)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(descriptor, NEW_NETWORK):
            raise OSError(ctypes.get_errno(), f"the namespace {self.namespace} cannot be entered")

    async def connect(self, port: int) -> socket.socket:
        """A connection to a port of the namespace."""
        loop = asyncio.get_running_loop()
        made: asyncio.Future[socket.socket | OSError] = loop.create_future()
        self.wanted.put((port, lambda result: loop.call_soon_threadsafe(made.set_result, result)))
        result = await made
        if isinstance(result, OSError):
            raise result
        return result


@dataclass
class Link:
    """Both directions, for all ports."""

    far: FarSide
    one_way_seconds: float
    bytes_per_second: float
    seen: Seen = field(default_factory=Seen)

    def __post_init__(self) -> None:
        self.up = Direction(self.bytes_per_second, self.count_up)
        self.down = Direction(self.bytes_per_second, self.count_down)

    def count_up(self, length: int) -> None:
        self.seen.up_bytes += length

    def count_down(self, length: int) -> None:
        self.seen.down_bytes += length

    def tell(self) -> None:
        """Prints what has been seen since the last time."""
        print(json.dumps(asdict(self.seen)), flush=True)
        self.seen = Seen()

    async def carry(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its beginning to its end."""
        self.seen.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(sock=await self.far.connect(port))
        except OSError:
            writer.close()
            return
        shaken = time.monotonic() + 2 * self.one_way_seconds
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(
            self.pump(reader, far_writer, self.up, shaken), self.pump(far_reader, writer, self.down, 0.0)
        )
        writer.close()
        far_writer.close()

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction, earliest: float
    ) -> None:
        """One direction of a connection."""
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_PIECES)
        arriving = asyncio.create_task(arrive(pieces, writer))
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                await pieces.put((max(direction.take(len(piece)), earliest) + self.one_way_seconds, piece))
        await pieces.put((time.monotonic() + self.one_way_seconds, b""))
        await arriving


async def arrive(pieces: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    """Hands pieces over when their time has come; an empty one is the end."""
    with contextlib.suppress(OSError):
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(max(due - time.monotonic(), 0))
            if not piece:
                writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()
    while (await pieces.get())[1]:  # nobody takes them, but the other end must not be kept waiting
        pass


async def run(link: Link, ports: list[tuple[int, int]]) -> None:
    """Offers the ports, until the process ends."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, link.tell)
    for near, far in ports:
        await asyncio.start_server(functools.partial(link.carry, far), "127.0.0.1", near)
    print("ready", flush=True)
    await asyncio.Event().wait()


def pair(text: str) -> tuple[int, int]:
    """`NEAR:FAR`, or one port that is both."""
    near, _, far = text.partition(":")
    return int(near), int(far or near)


def main() -> None:
    """Reads the options, and offers the ports."""
    parser = argparse.ArgumentParser("link", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--namespace", help="of the far side; this one, if not given")
    parser.add_argument("--rtt-ms", type=float, required=True, help="round trip")
    parser.add_argument("--mbit", type=float, required=True, help="per second, in each direction")
    parser.add_argument("ports", type=pair, nargs="+", metavar="PORT[:FAR_PORT]")
    options = parser.parse_args()
    link = Link(FarSide(options.namespace), options.rtt_ms / 2000, options.mbit * 125_000)
    asyncio.run(run(link, options.ports))


if __name__ == "__main__":
    main()
