"""Asking the service about chunks."""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue

import requests
from tqdm import tqdm

from reductionist.answers import NOT_AN_ANSWER, Answer, read
from reductionist.errors import Failure
from reductionist.fields import Dialect, Fields, Order
from reductionist.plan import Task
from reductionist.transport import Access, Message, Transport, failure

JSON = {"Content-Type": "application/json"}


class Service:
    """The chunk routes of the service in one dialect, over connections that are kept."""

    def __init__(self, access: Access, dialect: Dialect) -> None:
        self.dialect = dialect
        self.transport = Transport(access)

    def stop(self) -> None:
        """Has nobody wait for an overloaded service any more."""
        self.transport.stop()

    def ask(self, operation: str, request: Fields) -> Answer:
        """The answer to one request.

        Raises:
            Failure: if there is none.
        """
        route = f"{self.dialect}/{'sum' if operation == 'mean' else operation}"
        message = Message(route, json.dumps(request), JSON, request.get("interface_type"))
        start = time.perf_counter()
        response = self.transport.patiently(message)
        took = time.perf_counter() - start
        if response.status_code != 200:
            raise of_chunks(response)
        try:
            order: Order = "F" if request.get("order") == "F" else "C"
            return read(response, self.dialect, order, operation, took)
        except NOT_AN_ANSWER as error:
            raise Failure(f"{self.transport.access.server} gave no answer of Reductionist", [repr(error)]) from None


def of_chunks(response: requests.Response) -> Failure:
    """What a response says that is no result, and what to do where the object is not that of the chunk file."""
    error = failure(response)
    if error.status != 412:
        return error
    return Failure("error 412: the object was replaced: make the chunk file anew", [error.title, *error.causes])


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
