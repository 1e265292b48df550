"""Routes that are no operations, operations asked for in another way, and heads that are odd."""

from ..recording import Request
from ..servers import PLAIN, STRICT, TOKEN

PAGES = ["/livez", "/readyz", "/version", "/capabilities", "/.well-known/reductionist-schema", "/docs", "/metrics"]
PATHS = [
    "/",
    "/v1",
    "/v1/",
    "/v2",
    "/v2/",
    "/v1/mean",
    "/v1/Sum",
    "/v1//sum",
    "/v1/sum/x",
    "/v1/s%75m",
    "/v1/sum%2F",
    "/v3/sum",
    "/v0/sum",
    "/sum",
    "/V1/sum",
    "/docs/",
    "/docs/x",
    "/.well-known/",
    "/.well-known/x",
    "/livez/",
    "/health",
    "/favicon.ico",
    "/openapi.json",
    "/v1/%00",
    "/v1/%ff",
    "/v1/../livez",
    "/v1/sum;x",
    "/v1/sum.json",
    "/" + "x" * 3000,
    "/v2/sum_of_squares",
    "/v2/count%20",
    "/v1/median/",
    "/v1/mean?x=1",
    "/version?x",
    "/capabilities/",
]
OPERATIONS = [f"/{dialect}/{name}" for dialect in ("v1", "v2") for name in ("count", "min", "max", "select", "sum")]
METHODS = ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "a" * 30, "TRACE"]
JSON = ("Content-Type", "application/json")

CONTENT_TYPES = [
    "application/json; charset=utf-8",
    "application/json;charset=latin-1",
    "APPLICATION/JSON",
    "application/vnd.x+json",
    "application/ld+json; x=y",
    "text/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "application/jsonx",
    "json",
    "",
    "application/",
    "*/*",
    "application/json, text/plain",
    "application/cbor",
    "multipart/form-data; boundary=x",
    "image/svg+xml",
    "application/json/x",
    ";",
    "application/json;",
    "application/json; charset",
]
HEADERS = [
    [("Content-Encoding", "gzip")],
    [("Content-Encoding", "identity")],
    [("Content-Encoding", "")],
    [("Content-Encoding", "identity, deflate")],
    [("Content-Encoding", ",")],
    [("x-request-id", "chosen-by-a-client")],
    [("x-request-id", "")],
    [("x-request-id", "two words")],
    [("x-request-id", "x" * 129)],
    [("x-request-id", "x" * 128)],
    [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")],
    [("traceparent", "nonsense")],
    [("Accept", "text/html")],
    [("Accept-Encoding", "gzip, br")],
    [("Range", "bytes=0-1")],
    [("If-None-Match", "*")],
    [("Origin", "https://pages.example")],
    [("Origin", "https://elsewhere.example")],
    [("Host", "other.example")],
    [("Host", "")],
    [("Host", "a"), ("Host", "b")],
    [("Host", None)],
    [("Host", "bad host")],
    [("X-Forwarded-For", "10.0.0.1")],
    [("X", "y" * 20_000)],
    [("Connection", "close")],
    [("Cookie", "a=b")],
    [("Expect", "100-continue")],
    [("Prefer", "wait=10")],
    [("x-amz-date", "today")],
    [("User-Agent", "")],
    [("x-reductionist-token", "not-needed")],
]


def fixed():
    """Every page, path and method, once for each service."""
    for service in (PLAIN, STRICT):
        token = [("x-reductionist-token", TOKEN)] if service == STRICT else []
        for path in [*PAGES, *PATHS]:
            yield page(service, "GET", path)
            yield page(service, "POST", path, [JSON, *token], b"{}")
        for path in ["/livez", "/capabilities", "/v1/sum", "/v2/select", "/nothing", "/docs"]:
            for method in METHODS:
                yield page(service, method, path, token)
        for path in OPERATIONS:
            yield page(service, "GET", path, token)
            yield page(service, "POST", path, token)
            yield page(service, "POST", path, [JSON, *token], b"{}")
            yield page(service, "POST", path + "/?a=b", [JSON, *token], b"[]")
            yield page(service, "POST", path, [JSON], b'{"dtype": "int8"}')
            for origin in ("https://pages.example", "https://elsewhere.example"):
                asks = [
                    ("Origin", origin),
                    ("Access-Control-Request-Method", "POST"),
                    ("Access-Control-Request-Headers", "authorization,x"),
                ]
                yield page(service, "OPTIONS", path, asks)


def page(service, method, path, headers=(), body=None):
    labels = {"kind": "route", "operation": path[:40]}
    return Request(service, method, path, list(headers), body, labels)


def other_head(dice, request):
    """A request that can be answered, with a head that is another one."""
    headers = [header for header in request.headers if header[0] != "Content-Type"]
    if dice.random() < 0.35:
        content_type = [("Content-Type", dice.choice(CONTENT_TYPES))] if dice.random() < 0.9 else []
        headers += content_type
        if dice.random() < 0.1:
            headers += content_type
    else:
        headers += [JSON, *dice.choice(HEADERS)]
    labels = request.labels | {"kind": "head"}
    return Request(request.service, request.method, request.path, headers, request.body, labels)


def other_framing(dice, request):
    """The same body in chunks, or one that is too long."""
    if dice.random() < 0.6:
        cut = dice.randrange(len(request.body) // 2, len(request.body))  # behind the ports
        parts = [part for part in (request.body[:cut], request.body[cut:]) if part]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        headers = [*request.headers, ("Transfer-Encoding", "chunked")]
    else:
        size = dice.choice([16 << 10, (16 << 10) + 1, 1 << 20, (1 << 20) + 1])
        body, headers = request.body + b" " * max(0, size - len(request.body)), request.headers
    return Request(request.service, request.method, request.path, headers, body, request.labels | {"kind": "framing"})
