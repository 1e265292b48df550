"""Answers that come as a sequence of CBOR items: how far the work is, and last the result or the error (RFC 8742)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast
from urllib.parse import urlsplit

import cbor2
import requests
import urllib3
from tqdm import tqdm

from reductionist.errors import Failure, ServiceError
from reductionist.fields import Fields
from reductionist.transport import root, said

SEQUENCE = "application/cbor-seq"
NOT_AN_ANSWER = (KeyError, TypeError, ValueError, AttributeError, OverflowError, cbor2.CBORDecodeError)


@dataclass(frozen=True)
class Progress:
    """How far the work on a request is."""

    chunks_done: int
    chunks: int
    bytes: int  # that the store has sent

    @classmethod
    def from_item(cls, item: Fields) -> "Progress":
        """From an item of the sequence."""
        return cls(int(item["chunks_done"]), int(item["chunks"]), int(item["bytes"]))


Told = Callable[[Progress], object]


@contextmanager
def told_to(progress: bool | Told, title: str) -> Iterator[Told | None]:
    """Whom to tell how far the work is: nobody, a bar, or who was given."""
    if not isinstance(progress, bool):
        yield progress
        return
    if not progress:
        yield None
        return
    with tqdm(total=None, desc=title, unit="chunk") as bar:
        yield lambda now: shown(bar, now)


def shown(bar: "tqdm[Any]", now: Progress) -> None:
    """Moves a bar."""
    bar.total = now.chunks
    bar.n = now.chunks_done
    bar.refresh()


def last_item(response: requests.Response, tell: Told) -> Fields:
    """The result at the end of a sequence.

    Raises:
        Failure: if it ends with an error, or without a result.
    """
    for item in items(response):
        if not isinstance(item, Progress):
            return item
        tell(item)
    raise Failure("the answer ended before the result")


def items(response: requests.Response) -> Iterator[Progress | Fields]:
    """The items as they arrive, but for an error, which is raised."""
    decoder = cbor2.CBORDecoder(cast(IO[bytes], response.raw))
    while True:
        with an_answer(response):
            try:
                item = decoder.decode()
            except cbor2.CBORDecodeEOF:
                return
            if "error" in item:
                raise error_of(item, response)
            found: Progress | Fields = Progress.from_item(item["progress"]) if "progress" in item else dict(item)
        yield found


@contextmanager
def an_answer(response: requests.Response) -> Iterator[None]:
    """Turns whatever is wrong with an answer into a failure."""
    try:
        yield
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Failure("the answer broke off", [root(error)]) from None
    except NOT_AN_ANSWER as error:
        server = "://".join(urlsplit(response.url)[:2])
        raise Failure(f"{server} gave no answer of Reductionist", [repr(error)]) from None


def error_of(item: Fields, response: requests.Response) -> ServiceError:
    """The error at the end of a sequence. Its own status, if it tells one, is that of an answer without progress."""
    title, causes = said(item)
    status = item["error"].get("status", 500)
    return ServiceError(int(status), title, causes, response.headers.get("x-request-id"))
