"""A store that speaks HTTP, in this process: objects as web servers and S3 stores serve them, well and badly.

The first part of a path says how the object is served: it is a directory to a web server and the bucket to an S3 store.
The second port is that of a store which is at fault, so that the first one is never thought to be.
"""

import asyncio
import base64
import hashlib
import re
import threading
from urllib.parse import unquote

RANGE = re.compile(r"bytes=(\d+)-(\d*)$")
DATE = "Sat, 01 Jan 2022 00:00:00 GMT"
KEYS = "Basic " + base64.b64encode(b"storekeeper:not-so-secret").decode()
BEARER = "Bearer a-bearer-token"
REASONS = {
    200: "OK",
    206: "Partial Content",
    302: "Found",
    404: "Not Found",
    412: "Precondition Failed",
    416: "Range Not Satisfiable",
}
NO_SUCH_KEY = "<Error><Code>NoSuchKey</Code><Message>There is no such key</Message></Error>"
REDIRECTS = {
    "round": "/round/x",
    "login": "/page/x",
    "to-ftp": "ftp://x/",
    "to-user": "http://a:b@127.0.0.1/",
    "to-none": "http://[",
}
PLACEHOLDERS = {"elsewhere": "http://127.0.0.1:65003/plain/", "outside": "http://127.0.0.1:65003/hidden/"}


def version_of(name):
    """The entity tag of an object, with its quotes."""
    return f'"{hashlib.sha1(name.encode()).hexdigest()[:16]}"'


class WebStore:
    """Both ports, for as long as the block runs."""

    def __init__(self, objects, to_real):
        self.objects, self.to_real = objects, to_real
        self.loop = asyncio.new_event_loop()

    def __enter__(self):
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        listen = [asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024) for _ in range(2)]
        self.servers = [asyncio.run_coroutine_threadsafe(start, self.loop).result() for start in listen]
        self.ports = [server.sockets[0].getsockname()[1] for server in self.servers]
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def serve(self, reader, writer):
        try:
            # Whoever begins with something else speaks TLS.
            while await reader.readexactly(4) == b"GET ":
                head = b"GET " + await reader.readuntil(b"\r\n\r\n")
                line, *fields = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
                answer, stays = self.answer(line.split()[1], headers)
                writer.write(answer)
                await writer.drain()
                if not stays:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, target, headers):
        """The bytes of an answer, and whether the connection stays."""
        path, _, query = target.partition("?")
        _, how, *rest = *unquote(path).split("/"), ""
        name = (unquote(query.removeprefix("name=")) if query.startswith("name=") else "/".join(rest)).rstrip("/")
        without_object = self.special(how, rest, path, headers)
        if without_object:
            return without_object
        body = self.objects.get(name)
        if body is None:
            return response(404, {"Content-Type": "application/xml"}, NO_SUCH_KEY.encode()), True
        return self.serve_object(how, name, body, headers)

    def special(self, how, rest, path, headers):
        """An answer that needs no object; None if that is served."""
        if how == "status":
            return response(int(rest[0]), {}, b"" if rest[0] in ("204", "304") else b"nothing"), True
        if how.startswith("xml-"):  # xml-403-AccessDenied
            _, status, code = how.split("-", 2)
            text = f"<Error><Code>{code}</Code><Message>so it is</Message><Region>eu-west-1</Region></Error>"
            return response(int(status), {"Content-Type": "application/xml"}, text.encode()), True
        if how in ("moved", "elsewhere", "outside"):
            where = PLACEHOLDERS.get(how, "/plain/") + path.rpartition("/")[2]
            return response(302, {"Location": self.to_real(where.encode()).decode()}, b""), True
        if how in REDIRECTS:
            return response(302, {"Location": REDIRECTS[how]}, b""), True
        if how == "headers":
            return response(200, {f"X-{number}": "y" for number in range(120)}, b""), True
        if how == "page":
            return response(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>who are you?</html>"), True
        if how == "refuses" and headers.get("authorization") not in (KEYS, BEARER):
            return response(401, {"WWW-Authenticate": "Basic realm=x"}, b""), True
        if how == "nonsense":
            return b"this is not HTTP\r\n\r\n", False
        return (b"", False) if how == "silent" else None

    def serve_object(self, how, name, body, headers):
        version = version_of(name)
        given = {
            "weak": {"ETag": f"W/{version}"},
            "dated": {"Last-Modified": DATE},
            "unversioned": {},
            "odd-tag": {"ETag": "no quotes and blanks"},
            "gzipped": {"ETag": version, "Content-Encoding": "gzip"},
            "aws-chunked": {"ETag": version, "Content-Encoding": "aws-chunked"},
        }.get(how, {"ETag": version, "Last-Modified": DATE})
        condition = headers.get("if-match")
        if condition and "ETag" in given and given["ETag"] not in condition.split(", "):
            return response(412, given if how != "weak" else {}, b""), True
        part = RANGE.match(headers.get("range", "")) if how != "whole" else None
        status, start, end = 200, 0, len(body)
        if part:
            start, end = int(part[1]), min(int(part[2] or len(body)) + 1, len(body))
            if start >= len(body):
                return response(416, {"Content-Range": f"bytes */{len(body)}"} | given, b""), True
            shown = f"bytes {start + (how == 'wrong-range')}-{end - 1}/{len(body)}"
            status, given = 206, given | ({} if how == "no-range" else {"Content-Range": shown})
        sent = body[start:end]
        if how == "short":
            return response(status, given, sent)[: -max(1, len(sent) // 3)], False
        if how == "long":
            return response(status, given, sent + b"more than was asked for"), True
        if how.startswith("chunked"):
            sent = {"chunked-short": sent[:-1], "chunked-long": sent + b"more"}.get(how, sent)
            return response(status, given, sent, chunked=True), True
        return response(status, given, sent), how != "closing"


def response(status, headers, body, chunked=False):
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'So')}"]
    if chunked:
        headers = headers | {"Transfer-Encoding": "chunked"}
        half = len(body) // 2
        parts = [part for part in (body[:half], body[half:]) if part]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    else:
        headers = headers | {"Content-Length": str(len(body))}
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
