"""Where an object is, as the service wants it."""

from urllib.parse import quote, urlsplit

from reductionist.errors import UsageError

INTERFACES = ("s3", "http", "https", "file")
ENDPOINT = "REDUCTIONIST_ENDPOINT"  # in the environment: the store that s3:// URLs lead to


def located(url: str, interface: str | None = None, endpoint: str | None = None) -> dict[str, str]:
    """The interface and the URL of an object.

    `s3://BUCKET/KEY` is a key as people write it, of the store at the endpoint. `http(s)://STORE/BUCKET/KEY` is
    percent-encoded, and of an S3 store unless an interface is given. `file:///PATH` is below the service's root of files.

    Raises:
        UsageError: if that is no place that the service reads.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        if interface not in (None, "s3"):
            raise UsageError(f"{url} is read as s3, not as {interface}")
        return {"interface_type": "s3", "url": at_endpoint(url, endpoint)}
    if "@" in parts.netloc:
        raise UsageError("a URL must have no credentials in it")
    if parts.scheme not in ("http", "https", "file"):
        raise UsageError(f"{url} does not begin with s3://, https://, http:// or file://")
    return {"interface_type": interface or ("file" if parts.scheme == "file" else "s3"), "url": url}


def at_endpoint(url: str, endpoint: str | None) -> str:
    """The URL at the store of what `s3://BUCKET/KEY` names."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise UsageError(f"{url} is not s3://BUCKET/KEY")
    if not endpoint:
        raise UsageError(f"{url} needs the store's address: --endpoint, or {ENDPOINT} in the environment")
    return f"{endpoint.rstrip('/')}/{bucket}/{quote(key)}"
