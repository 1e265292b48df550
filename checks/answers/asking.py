"""Sends requests to services over connections that are kept, and brings answers into a form that can be compared."""

import contextlib
import random
import re
import socket
import threading
import time
from dataclasses import dataclass

from .recording import Answer
from .servers import SERVICES

PATIENCE = 300  # seconds
REPEATS = 60  # of a request that was told to come back later, a second or so apart
LATER = (503, 504)

# What is another one each time, or says nothing of the answer.
PASSING = {"date"}
ID = "x-request-id"
VERSION_OF_FILE = re.compile(rb'[0-9a-f]+-[0-9a-f]+\.[0-9a-f]+-[0-9a-f]+(?=\\?")')  # inode, date and length
IDS = re.compile(rb'"(commit|version)":"[^"]*"')  # which program it is


class NoAnswer(Exception):
    """A connection that ends where an answer should be."""


@dataclass
class Connection:
    """A connection to one service."""

    port: int
    open: socket.socket | None = None
    stream: object = None

    def ask(self, head, body, method):
        """Status, headers and body. A connection that was kept may have ended in the meantime: then it is another one."""
        if self.open:
            try:
                return self.exchange(head, body, method)
            except (NoAnswer, OSError):
                self.close()
        return self.exchange(head, body, method)

    def exchange(self, head, body, method):
        if not self.open:
            self.open = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
            self.open.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.stream = self.open.makefile("rb")
        # It may be answered before all of it was sent.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.open.sendall(head + (body or b""))
        status = 100
        while status < 200:
            status, headers = self.read_head()
        told = dict(headers)
        body = b"" if method == "HEAD" or status in (204, 304) else self.read_body(told)
        if told.get("connection", "").lower() == "close":
            self.close()
        return status, headers, body

    def read_head(self):
        line = self.stream.readline()
        if not line.startswith(b"HTTP/1."):
            raise NoAnswer(line)
        status, headers = int(line.split()[1]), []
        while (line := self.stream.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name.lower(), value.strip()))
        return status, headers

    def read_body(self, headers):
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self.read_chunks())
        length = headers.get("content-length")
        body = self.stream.read(int(length)) if length else self.stream.read()
        if length and len(body) < int(length):
            raise NoAnswer(f"{len(body)} of {length} bytes")
        return body

    def read_chunks(self):
        while length := int(self.stream.readline().split(b";")[0], 16):
            yield self.stream.read(length)
            self.stream.readline()
        while self.stream.readline() not in (b"\r\n", b""):
            pass

    def close(self):
        if self.open:
            self.stream.close()
            self.open.close()
        self.open = None


class Asker:
    """Asks the running services; each thread has connections of its own."""

    def __init__(self, ports):
        self.ports = ports
        self.connections = threading.local()
        self.repeated = 0

    def answer(self, request):
        """The answer, once it is not that the service is busy."""
        for _ in range(REPEATS):
            status, headers, body = self.ask(request)
            if status not in LATER:
                return self.comparable(request, status, headers, body)
            self.repeated += 1
            time.sleep(1)
        raise SystemExit(f"answered {status} {REPEATS} times: {request.label}: {body[:500]!r}")

    def ask(self, request):
        placeholder = SERVICES[request.service]
        connection = self.connections.__dict__.setdefault(request.service, Connection(self.ports.real[placeholder]))
        body = request.body and self.ports.to_real(request.body)
        head = self.ports.to_real(head_of(request, placeholder))
        try:
            return connection.ask(head, body, request.method)
        except NoAnswer as error:
            connection.close()
            return 0, [("error", f"no answer: {error}")], b""
        except (OSError, ValueError) as error:
            connection.close()
            return 0, [("error", f"no answer: {type(error).__name__}")], b""

    def comparable(self, request, status, headers, body):
        """The answer without what has nothing to do with the request."""
        settled = body
        if request.path == "/metrics":
            settled = b"(numbers)"
        elif request.method == "GET" and status == 200:
            settled = IDS.sub(rb'"\1":"(of the program)"', body)
        elif status != 200:
            settled = self.settled(body)
        chosen = [value for name, value in request.headers if name == ID]
        kept = []
        for name, value in headers:
            if name == ID and value not in chosen:
                value = "(another one)"
            elif name == "content-length" and value == str(len(body)):
                value = str(len(settled))
            if name not in PASSING:
                kept.append((name, self.settled(value.encode("latin-1")).decode("latin-1")))
        return Answer.of(status, sorted(kept), settled)

    def settled(self, text):
        return VERSION_OF_FILE.sub(b"(version of a file)", self.ports.to_placeholders(text))


def head_of(request, port):
    """The head as it is sent; lengths and hosts that the request does not name itself are added."""
    headers = list(request.headers)
    names = {name.lower() for name, _ in headers}
    if "host" not in names:
        headers.insert(0, ("Host", f"127.0.0.1:{port}"))
    if request.body is not None and not names & {"content-length", "transfer-encoding"}:
        headers.append(("Content-Length", str(len(request.body))))
    lines = [
        f"{request.method} {request.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers if value is not None),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def ask_all(ports, requests, workers, seed, progress):
    """The answers to all requests, by their numbers, in an order that depends on the seed alone; and the repeats."""
    numbers = list(requests)
    random.Random(seed).shuffle(numbers)
    answers, asker, lock, failures = {}, Asker(ports), threading.Lock(), []

    def work():
        while not failures:
            with lock:
                if not numbers:
                    return
                number = numbers.pop()
            try:
                answers[number] = asker.answer(requests[number])
            except BaseException as error:  # told by the thread that waits
                failures.append(error)
            progress(len(answers))

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers, asker.repeated
