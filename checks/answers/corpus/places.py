"""Where chunks lie in the stores, how requests say so, and with which credentials they come."""

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from ..servers import ACCESS_KEY, KEYS, PLAIN, S3, SECRET_KEY, STRICT, TOKEN, WEB
from ..web_store import version_of

ENDPOINT = "http://127.0.0.1:{}"
LONGEST_PACK = 200_000
ODD_KEYS = [
    "a key with blanks",
    "größe ünïcode",
    "percent%41%2F",
    "plus+and&and=",
    "quo'te\"s",
    "que?ry",
    "ha#sh",
    "semi;colon,comma",
    "dots..",
    "~tilde",
]


@dataclass
class Place:
    """Where a chunk lies."""

    object: str
    offset: int
    size: int
    is_last: bool  # nothing behind it
    md5: str = ""  # of the whole object, which is its version in the S3 store


class Objects:
    """Objects that are put together out of chunks: files have many, and something before each."""

    def __init__(self, dice, prefix):
        self.dice, self.prefix, self.parts, self.objects, self.places = dice, prefix, [], {}, []

    def add(self, encoded):
        """Places a chunk; the place is complete once everything is `finished`."""
        alone = self.dice.random() < 0.2 or not encoded
        if alone or sum(map(len, self.parts)) > LONGEST_PACK:
            self.finish_object()
        if not alone or self.dice.random() < 0.2:
            self.parts.append(self.dice.randbytes(self.dice.choice([1, 3, 8, 64, 100, 333])))
        offset = sum(map(len, self.parts))
        self.parts.append(encoded)
        place = Place("", offset, len(encoded), False)
        self.places.append(place)
        if alone:
            self.finish_object()
        return place

    def finish_object(self):
        body = b"".join(self.parts)
        pending = [place for place in self.places if not place.object]
        if pending:
            pending[-1].is_last = True
            name = f"{self.prefix}-{len(self.objects)}"
            if self.dice.random() < 0.06:
                name += f" {self.dice.choice(ODD_KEYS)}"
            self.objects[name] = body
            for place in pending:
                place.object, place.md5 = name, hashlib.md5(body).hexdigest()
        self.parts = []


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass
class Way:
    """A way to an object: what a request says of it and sends with it."""

    dialect: str
    fields: dict
    headers: list
    version: str | None  # of the object, as its store has it
    interface: str


def random_way(dice, place, dialect=None):
    """Any way on which the object can be read."""
    dialect = dialect or dice.choice(["v1", "v2", "v2"])
    if dialect == "v1":
        bucket = dice.choice(["public", "private"])
        fields = {"source": ENDPOINT.format(S3), "bucket": bucket, "object": place.object}
        if dice.random() < 0.1:
            fields |= {
                "source": ENDPOINT.format(S3) + "/",
                "bucket": dice.choice([f"/{bucket}", f"{bucket}/", f"//{bucket}//"]),
            }
        return Way("v1", fields, s3_headers(dice, bucket), f'"{place.md5}"', "s3")
    interface = dice.choices(["s3", "http", "https", "file", "s3 of the web"], [6, 4, 1, 1.5, 1.5])[0]
    if interface == "s3":
        bucket = dice.choice(["public", "private"])
        slashes = "//" if dice.random() < 0.05 else "/"
        url = f"{ENDPOINT.format(S3)}{slashes}{bucket}{slashes}{quote(place.object)}"
        return Way("v2", {"interface_type": "s3", "url": url}, s3_headers(dice, bucket), f'"{place.md5}"', "s3")
    if interface == "file":
        return Way("v2", {"interface_type": "file", "url": f"file:///{quote(place.object)}"}, [], None, "file")
    return web_way(dice, place, interface)


def web_way(dice, place, interface):
    """From the store that is a web server and one for S3."""
    hows = ["plain"] * 8 + [
        "weak",
        "dated",
        "unversioned",
        "whole",
        "chunked",
        "odd-tag",
        "closing",
        "aws-chunked",
        "refuses",
    ]
    version, headers = version_of(place.object), []
    if interface == "s3 of the web":
        how, interface = dice.choice([how for how in hows if how != "refuses"]), "s3"
    else:
        how = dice.choice([*hows, "moved", "elsewhere", "query"])
    if (how in ("refuses", "plain") and dice.random() < 0.5) or how == "refuses":
        bearer = [("Authorization", "Bearer a-bearer-token")]
        headers = KEYS if interface == "s3" or dice.random() < 0.5 else bearer
    name = quote(place.object)
    path = f"plain/x?name={name}" if how == "query" else f"{how}/{name}"
    version = {"weak": f"W/{version}", "dated": None, "unversioned": None, "odd-tag": None}.get(how, version)
    return Way(
        "v2", {"interface_type": interface, "url": f"{ENDPOINT.format(WEB)}/{path}"}, headers, version, interface
    )


def s3_headers(dice, bucket):
    headers = list(KEYS) if bucket == "private" or dice.random() < 0.3 else []
    if not headers and dice.random() < 0.1:
        headers.append(("Authorization", basic("", "")))
    if dice.random() < 0.04:
        headers.append(("x-amz-request-payer", dice.choice(["requester", "Requester"])))
    return headers


TOKENS = [[("x-reductionist-token", TOKEN)]] * 80 + [
    [("x-reductionist-token", "wrong")], [], [("Authorization", f"Bearer {TOKEN}")], [("x-reductionist-token", "")],
    [("Authorization", basic(TOKEN, "x"))], [("Authorization", basic(f"{TOKEN}@{ACCESS_KEY}", SECRET_KEY))],
]  # fmt: skip


ALLOWED = [
    "/public/",
    "/private/",
    "/plain/",
    "/moved/",
    "/elsewhere/",
    "file:",
]  # places that the strict service reads


def service_of(dice, way):
    """The service that is asked; the strict one wants a token. That may stand where the credentials do."""
    is_allowed = any(part in way.fields.get("url", "/public/") for part in ALLOWED)
    if dice.random() < (0.8 if is_allowed else 0.97):
        return PLAIN
    token = dice.choice(TOKENS)
    if token and token[0][0] == "Authorization":
        way.headers = [header for header in way.headers if header[0] != "Authorization"]
    way.headers = [*way.headers, *token]
    return STRICT
