"""Requests to the service over connections that are kept, and asked again where it says that it is overloaded."""

import email.utils
import json
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests

from reductionist.credentials import Credentials, Proof
from reductionist.errors import Failure, ServiceError

SHORTEST_WAIT = 0.1  # seconds, so that "Retry-After: 0" is no storm
SPREAD = 0.25  # of the wait: those who were refused together do not come back together
CONNECT_SECONDS = 30.0  # at most; a time-out that is shorter counts for connecting, too


@dataclass(frozen=True)
class Access:
    """Where the service is, who asks, and how long an answer is waited for, in seconds."""

    server: str
    credentials: Credentials = field(default_factory=Credentials)
    requester_pays: bool = False
    verify: bool | str = True  # or the file of an authority
    timeout: float = 90.0
    retry_for: float = 60.0
    connections: int = 8


@dataclass(frozen=True)
class Message:
    """A body for one of the service's routes, and the interface of the object that it is about."""

    route: str
    body: bytes | str
    headers: Mapping[str, str]
    interface: object


class Transport:
    """The service, over connections that are kept. Threads may share it."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.stopped = threading.Event()
        self.session = requests.Session()
        if access.requester_pays:
            self.session.headers["x-amz-request-payer"] = "requester"
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=access.connections))

    def stop(self) -> None:
        """Has nobody wait for an overloaded service any more."""
        self.stopped.set()

    def close(self) -> None:
        """Closes the connections."""
        self.stop()
        self.session.close()

    def patiently(self, message: Message, *, stream: bool = False) -> requests.Response:
        """The response, whatever its status. An overloaded service is asked again when it says so, while time is left.

        Raises:
            Failure: if there is none.
        """
        give_up = time.monotonic() + self.access.retry_for
        while True:
            response = self.post(message, stream=stream)
            wait = retry_after(response)
            if response.status_code != 503 or wait is None:
                return response
            wait = max(wait, SHORTEST_WAIT) * random.uniform(1, 1 + SPREAD)
            if time.monotonic() + wait > give_up or self.stopped.wait(wait):
                return response
            response.close()

    def post(self, message: Message, *, stream: bool) -> requests.Response:
        """One response, whatever its status; with `stream` its content is yet to come."""
        access = self.access
        try:
            # A redirection is not followed: whoever it leads to should not get the credentials.
            return self.session.post(
                f"{access.server}/{message.route}",
                message.body,
                headers=dict(message.headers),
                auth=Proof(access.credentials, message.interface),
                timeout=(min(access.timeout, CONNECT_SECONDS), access.timeout),
                verify=access.verify,
                allow_redirects=False,
                stream=stream,
            )
        except requests.Timeout:
            raise Failure(f"no answer from {access.server} within {access.timeout:g} s (--timeout)") from None
        except requests.RequestException as error:
            raise Failure(f"no answer from {access.server}", [root(error)]) from None


def retry_after(response: requests.Response) -> float | None:
    """In how many seconds to come back, if it says so: as a number, or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
        return max(when.timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def root(error: BaseException) -> str:
    """What an error comes from."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return str(error) or type(error).__name__


def failure(response: requests.Response) -> ServiceError:
    """What a response says that is no result."""
    try:
        title, causes = said(json.loads(response.content))
    except (ValueError, KeyError, TypeError, AttributeError):
        title, causes = str(response.reason), response.text.strip().splitlines()[:1]
    if "Retry-After" in response.headers:
        causes.append(f"try again after: {response.headers['Retry-After']} s")
    return ServiceError(response.status_code, title, causes, response.headers.get("x-request-id"))


def said(document: dict[str, dict[str, object]]) -> tuple[str, list[str]]:
    """The title and the causes of an error of the service."""
    error = document["error"]
    causes = error.get("caused_by", [])
    return str(error["message"]), [str(cause) for cause in causes] if isinstance(causes, list) else []
