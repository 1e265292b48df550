"""Asking the service."""

import base64
import contextlib
import email.utils
import json
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import requests
from tqdm import tqdm

from reductionist.answers import NOT_AN_ANSWER, Answer, read
from reductionist.errors import Failure
from reductionist.fields import Dialect, Fields, Order
from reductionist.plan import Task

SHORTEST_WAIT = 0.1  # seconds, so that "Retry-After: 0" is no storm
SPREAD = 0.25  # of the wait: those who were refused together do not come back together


@dataclass(frozen=True)
class Credentials:
    """What proves who asks. Nothing of it is ever shown."""

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)  # of web servers
    service_token: str | None = field(default=None, repr=False)

    def headers(self, request: Fields) -> dict[str, str]:
        """The headers of a request. A bearer token is for the web server that the request names."""
        headers = {}
        if self.service_token:
            headers["x-reductionist-token"] = self.service_token
        if self.user:
            pair = base64.b64encode(os.fsencode(f"{self.user}:{self.password}")).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif self.bearer_token and request.get("interface_type") in ("http", "https"):
            headers["Authorization"] = f"Bearer {self.bearer_token}"
        if self.session_token:
            headers["x-amz-security-token"] = self.session_token
        return headers


@dataclass(frozen=True)
class Access:
    """Where the service is, how it is spoken to, and how long it is waited for, in seconds."""

    server: str
    dialect: Dialect
    credentials: Credentials
    requester_pays: bool = False
    verify: bool | str = True  # or the file of an authority
    timeout: float = 90.0
    retry_for: float = 60.0
    connections: int = 8


class NoAuthorization(requests.auth.AuthBase):
    """Leaves a request as it is: without this, `requests` looks for credentials in ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Service:
    """The service, over connections that are kept."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.stopped = threading.Event()
        self.session = requests.Session()
        self.session.auth = NoAuthorization()
        self.session.headers["Content-Type"] = "application/json"
        if access.requester_pays:
            self.session.headers["x-amz-request-payer"] = "requester"
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=access.connections))

    def stop(self) -> None:
        """Has nobody wait for an overloaded service any more."""
        self.stopped.set()

    def ask(self, operation: str, request: Fields) -> Answer:
        """The answer to one request.

        Raises:
            Failure: if there is none.
        """
        start = time.perf_counter()
        response = self.patiently(operation, request)
        took = time.perf_counter() - start
        if response.status_code != 200:
            raise failure(response)
        try:
            order: Order = "F" if request.get("order") == "F" else "C"
            return read(response, self.access.dialect, order, operation, took)
        except NOT_AN_ANSWER as error:
            raise Failure(f"{self.access.server} gave no answer of Reductionist", [repr(error)]) from None

    def patiently(self, operation: str, request: Fields) -> requests.Response:
        """The response, whatever its status. An overloaded service is asked again when it says so, while time is left."""
        give_up = time.monotonic() + self.access.retry_for
        while True:
            response = self.post(operation, request)
            wait = retry_after(response)
            if response.status_code != 503 or wait is None:
                return response
            wait = max(wait, SHORTEST_WAIT) * random.uniform(1, 1 + SPREAD)
            if time.monotonic() + wait > give_up or self.stopped.wait(wait):
                return response

    def post(self, operation: str, request: Fields) -> requests.Response:
        """One response, whatever its status."""
        access = self.access
        url = f"{access.server}/{access.dialect}/{'sum' if operation == 'mean' else operation}"
        headers = access.credentials.headers(request)
        try:
            # A redirection is not followed: whoever it leads to should not get the credentials.
            return self.session.post(
                url,
                json.dumps(request),
                headers=headers,
                timeout=access.timeout,
                verify=access.verify,
                allow_redirects=False,
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


def failure(response: requests.Response) -> Failure:
    """What a response says that is no result."""
    try:
        error = response.json()["error"]
        message, causes = str(error["message"]), [str(cause) for cause in error.get("caused_by", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        message, causes = str(response.reason), response.text.strip().splitlines()[:1]
    if response.status_code == 412:
        message, causes = "the object was replaced: make the chunk file anew", [message, *causes]
    if "Retry-After" in response.headers:
        causes.append(f"try again after: {response.headers['Retry-After']} s")
    return Failure(f"error {response.status_code}: {message}", causes)


def ask_all(
    service: Service, operation: str, tasks: Sequence[Task], threads: int, progress: bool | None
) -> list[Answer]:
    """The answers to all tasks, in their order, of which as many are asked at one time as there are threads.

    A bar shows the progress, or none; on a terminal only, if that is not said.

    Raises:
        Failure: of the first task that fails, which it names.
    """
    hidden = None if progress is None else not progress  # None: unless on a terminal
    pool = ThreadPoolExecutor(threads)
    try:
        with tqdm(total=len(tasks), desc=operation, unit="chunk", disable=hidden) as bar:
            futures = [pool.submit(ask_about, service, operation, task) for task in tasks]
            for future in as_they_end(futures):
                future.result()
                bar.update()
        return [future.result() for future in futures]
    finally:
        service.stop()
        pool.shutdown(wait=False, cancel_futures=True)


def as_they_end(futures: Sequence[Future[Answer]]) -> Iterator[Future[Answer]]:
    """The futures in the order in which they end."""
    ended: SimpleQueue[Future[Answer]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    for _ in futures:
        while True:
            # Python does not see an interrupt that comes just before it begins to wait.
            with contextlib.suppress(Empty):
                yield ended.get(timeout=0.2)
                break


def ask_about(service: Service, operation: str, task: Task) -> Answer:
    """The answer for one of several chunks, or a failure that says which one it was."""
    try:
        return service.ask(operation, task.request)
    except Failure as error:
        raise Failure(f"{task.label}: {error.message}", error.causes) from None
