"""Where nothing is to be found: stores at fault, places that there are not, credentials that nobody wants."""

from urllib.parse import quote

from ..servers import ACCESS_KEY, CLOSED, FAULTY, KEYS, S3, SECRET_KEY, TOKEN, WEB
from .places import ENDPOINT, Way, basic, random_way

FAULTS = [
    *(f"status/{status}" for status in (201, 204, 301, 304, 400, 401, 403, 404, 405, 409, 410, 412, 416, 418, 451)),
    *(f"status/{status}" for status in (500, 501, 502, 505)),
    *(
        f"xml-403-{code}/x"
        for code in ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed")
    ),
    *(f"xml-404-{code}/x" for code in ("NoSuchKey", "NoSuchBucket", "NoSuchVersion")),
    *(
        f"xml-400-{code}/x"
        for code in ("ExpiredToken", "InvalidBucketName", "InvalidArgument", "AuthorizationHeaderMalformed", "Odd")
    ),
    *("xml-301-PermanentRedirect/x", "xml-500-InternalError/x", "xml-416-InvalidRange/x", "xml-409-Conflict/x"),
    *("short/{}", "long/{}", "no-range/{}", "wrong-range/{}", "gzipped/{}", "nonsense/{}", "silent/{}", "refuses/{}"),
    *("chunked-short/{}", "chunked-long/{}", "to-ftp/{}", "to-user/{}", "to-none/{}", "headers/{}"),
    *("round/{}", "login/{}", "outside/{}", "elsewhere/{}", "page/{}", "plain/not-{}"),
]

PLACES_V1 = [
    {"object": "no such object"},
    {"bucket": "no-such-bucket"},
    {"bucket": "No_Bucket!"},
    {"bucket": "ab"},
    {"bucket": "."},
    {"bucket": ".."},
    {"bucket": "a/b"},
    {"bucket": "///"},
    {"bucket": "x" * 300},
    {"bucket": "tab\there"},
    {"object": "k" * 1025},
    {"object": "../public/x"},
    {"object": "/leading"},
    {"object": "nul\x00"},
    {"source": "ftp://127.0.0.1/"},
    {"source": "127.0.0.1:9000"},
    {"source": "http://user:pass@127.0.0.1:65001"},
    {"source": "http://127.0.0.1:65001/?x=1"},
    {"source": "http://127.0.0.1:65001#x"},
    {"source": f"http://127.0.0.1:{CLOSED}"},
    {"source": "http://127.0.0.1:1"},
    {"source": f"https://127.0.0.1:{S3}"},
    {"source": "http://169.254.169.254/latest"},
    {"source": "http://[fe80::1]/"},
    {"source": "http://0.0.0.0:80"},
    {"source": "http://127.0.0.1:65001/a%2Fb"},
    {"source": "http://" + "a" * 2100},
    {"source": "http://"},
    {"source": ""},
    {"source": "http://127.0.0.1:99999"},
    {"source": "http://127.0.0.1:65001/deeper/path"},
    {"bucket": "arn:aws:s3:eu-west-1:123456789012:accesspoint/name"},
    {"bucket": "arn:aws:s3::123456789012:accesspoint/name.mrap"},
    {"bucket": "arn:aws:s3:eu-west-1:123456789012:bucket/name"},
    {"source": "https://s3.eu-west-1.amazonaws.com", "bucket": "name--euw1-az1--x-s3"},
    {"bucket": "name--use1-az4--x-s3"},
    {"object": ""},
]

URLS_V2 = [
    ("s3", f"http://127.0.0.1:{S3}/"),
    ("s3", f"http://127.0.0.1:{S3}/public"),
    ("s3", f"http://127.0.0.1:{S3}/public/"),
    ("s3", f"http://127.0.0.1:{S3}/public/no-such"),
    ("s3", f"http://127.0.0.1:{S3}/nobody/x"),
    ("s3", f"http://127.0.0.1:{S3}/public/x?versionId=1"),
    ("s3", f"http://127.0.0.1:{S3}/public/x#part"),
    ("s3", f"http://127.0.0.1:{S3}/public/%ff"),
    ("s3", f"http://127.0.0.1:{S3}/a%2fb/x"),
    ("s3", f"http://127.0.0.1:{S3}/public/../private/x"),
    ("s3", "s3://public/x"),
    ("s3", "https://bucket.s3.eu-west-1.amazonaws.com"),
    ("s3", "http://169.254.169.254/public/x"),
    ("s3", f"http://127.0.0.1:{CLOSED}/public/x"),
    ("s3", "not a url"),
    ("s3", ""),
    ("s3", f"http://a:b@127.0.0.1:{S3}/public/x"),
    ("s3", f"https://127.0.0.1:{S3}/public/x"),
    ("s3", "http://127.0.0.1:65001/" + "p" * 8300),
    ("http", f"http://127.0.0.1:{CLOSED}/x"),
    ("http", f"https://127.0.0.1:{WEB}/plain/x"),
    ("http", f"http://127.0.0.1:{WEB}/x#y"),
    ("http", f"ftp://127.0.0.1:{WEB}/x"),
    ("http", f"http://u@127.0.0.1:{WEB}/x"),
    ("http", "http://[::ffff:169.254.169.254]/x"),
    ("http", f"http://127.0.0.1:{WEB}/plain/../hidden/x"),
    ("http", f"http://127.0.0.1:{WEB}/hidden/x"),
    ("http", "/x"),
    ("http", "http://127.0.0.1:65002/plain/\u0007"),
    ("https", f"http://127.0.0.1:{WEB}/plain/no-such"),
    ("file", "file:///no-such"),
    ("file", "file:///../../etc/passwd"),
    ("file", "file:///%2e%2e/x"),
    ("file", "file://host/x"),
    ("file", "/x"),
    ("file", "file:///"),
    ("file", "file:x"),
    ("file", "http://127.0.0.1/x"),
    ("file", "file:///a%00b"),
    ("file", "file:///x?y"),
    ("ftp", "ftp://x/y"),
    ("S3", f"http://127.0.0.1:{S3}/public/x"),
    ("", "x"),
    ("gs", "gs://public/x"),
]

CREDENTIALS = [
    [("Authorization", basic(ACCESS_KEY, "wrong"))],
    [("Authorization", basic("nobody", "x"))],
    [],
    [("Authorization", "Bearer a-token")],
    [("Authorization", "Basic !!!")],
    [("Authorization", "Basic")],
    [("Authorization", "Digest x")],
    [("Authorization", "")],
    [("Authorization", "Bearer ")],
    [("Authorization", "Bearer two words")],
    [*KEYS, *KEYS],
    [("x-amz-security-token", "alone")],
    [*KEYS, ("x-amz-security-token", "with-keys")],
    [*KEYS, ("x-amz-security-token", "")],
    [*KEYS, ("x-amz-security-token", "a"), ("x-amz-security-token", "b")],
    [("x-amz-request-payer", "me")],
    [("Authorization", "Basic " + "A" * 17000)],
    [*KEYS, ("x-amz-security-token", "t" * 17000)],
    [("Authorization", basic("tab\tname", "x"))],
    [("Authorization", basic(ACCESS_KEY, "line\nbreak"))],
    [("Authorization", basic("größe", "x"))],
    [("Authorization", basic(f"{TOKEN}@{ACCESS_KEY}", SECRET_KEY))],
    [("Authorization", f"Bearer {TOKEN}")],
]


def wrong_way(dice, place):
    """One on which the object cannot be read, as a rule."""
    way = random_way(dice, place)
    kind = dice.choice(["fault", "fault", "fault", "place", "place", "credentials"])
    if kind == "fault":
        interface = dice.choice(["http", "http", "s3"])
        path = dice.choice(FAULTS).replace("{}", quote(place.object))
        way = Way("v2", {"interface_type": interface, "url": f"{ENDPOINT.format(FAULTY)}/{path}"}, [], None, interface)
        if dice.random() < 0.3:
            way.headers = list(KEYS)
    elif kind == "credentials":
        bucket = dice.choice(["private", "private", "public"])
        fields = {"source": ENDPOINT.format(S3), "bucket": bucket, "object": place.object}
        way = Way("v1", fields, dice.choice(CREDENTIALS), None, "s3")
    elif way.dialect == "v1":
        way.fields |= dice.choice(PLACES_V1)
    else:
        interface, url = dice.choice(URLS_V2)
        way = Way("v2", {"interface_type": interface, "url": url}, way.headers, None, interface)
    return way
