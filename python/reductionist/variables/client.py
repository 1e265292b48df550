"""Asking about variables."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypedDict, TypeVar, Unpack

import cbor2

from reductionist.credentials import Credentials
from reductionist.errors import UsageError
from reductionist.fields import Fields
from reductionist.transport import Access, Message, Transport, failure
from reductionist.values import web_address
from reductionist.variables.groups import Groups, groups_of
from reductionist.variables.location import ENDPOINT, located
from reductionist.variables.progress import SEQUENCE, Told, an_answer, last_item, told_to
from reductionist.variables.question import (
    CBOR,
    Axis,
    Format,
    Statistic,
    axes_of,
    body_of,
    statistics_of,
    subject,
    without_none,
)
from reductionist.variables.result import Description, Partial, Result, Selected
from reductionist.variables.selection import Selection, selected
from reductionist.variables.weights import Weights, weights_of

WAIT_SECONDS = 660.0  # longer than the service works on one request

Answer = TypeVar("Answer", Description, Partial, Result, Selected)


class Reduction(TypedDict, total=False):
    """The options of a question about statistics, as `Client.reduce` explains them."""

    axis: Axis
    selection: Selection
    keepdims: bool
    missing: Mapping[str, Any] | None
    skipna: bool
    unpack: bool
    weights: Weights
    groups: Groups
    array: Mapping[str, Any] | None
    chunks: Mapping[str, Any] | None
    urls: Sequence[str] | None
    interface: str | None
    format: Format | None
    etag: str | None
    endpoints: Mapping[str, str] | None


class Client:
    """The routes of the service about variables, over connections that are kept. Threads may share it.

    `credentials` are those of the environment if none are given: REDUCTIONIST_BEARER_TOKEN, REDUCTIONIST_SERVICE_TOKEN.
    `endpoint` is the store that s3:// URLs lead to, else REDUCTIONIST_ENDPOINT. An answer is waited for `timeout` seconds;
    with progress that is the longest silence. An overloaded service is asked again for `retry_for` seconds.
    """

    def __init__(
        self,
        server: str = "http://127.0.0.1:8080",
        credentials: Credentials | None = None,
        *,
        endpoint: str | None = None,
        requester_pays: bool = False,
        verify: bool | str = True,
        timeout: float = WAIT_SECONDS,
        retry_for: float = 60.0,
        connections: int = 8,
    ) -> None:
        proof = Credentials.checked({}, os.environ) if credentials is None else credentials
        self.endpoint = endpoint or os.environ.get(ENDPOINT)
        self.transport = Transport(
            Access(address(server), proof, requester_pays, verify, timeout, retry_for, connections)
        )

    def __repr__(self) -> str:
        return f"Client({self.transport.access.server!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self.transport.close()

    def describe(
        self,
        url: str,
        variable: str | None = None,
        *,
        interface: str | None = None,
        format: Format | None = None,
        etag: str | None = None,
        endpoints: Mapping[str, str] | None = None,
        chunks: bool = False,
        values: str | None = None,
    ) -> Description:
        """What an object has: all of it, or one variable and how its chunks are stored.

        `chunks` adds the index of the variable's chunks, `values="coordinates"` the values of small coordinates.

        Raises:
            ServiceError: if the service says so.
            Failure: if there is no answer.
            UsageError: if the arguments make no sense.
        """
        place = self.place(url, interface, format, etag, endpoints)
        asked = without_none({"variable": variable, "chunks": chunks or None, "values": values})
        return self.ask("describe", place | asked, False, Description.from_answer)

    def reduce(
        self,
        url: str,
        variable: str | None,
        statistics: Statistic | Sequence[Statistic],
        *,
        axis: Axis = None,
        selection: Selection = None,
        keepdims: bool = False,
        missing: Mapping[str, Any] | None = None,
        skipna: bool = False,
        unpack: bool = True,
        weights: Weights = None,
        groups: Groups = None,
        result_dtype: str | None = None,
        array: Mapping[str, Any] | None = None,
        chunks: Mapping[str, Any] | None = None,
        urls: Sequence[str] | None = None,
        interface: str | None = None,
        format: Format | None = None,
        etag: str | None = None,
        endpoints: Mapping[str, str] | None = None,
        progress: bool | Told = False,
    ) -> Result:
        """Statistics of what is selected of a variable, over axes by name or number: all of them if none is given.

        A statistic is a name, or a map with one: `{"name": "var", "ddof": 1}`, `{"name": "quantile", "q": [0.1, 0.9]}`,
        `{"name": "histogram", "bins": edges}`, or `"bins": 50, "range": [lowest, highest]`; `"as"` names its result.
        What is missing is said by the variable's attributes, unless `missing` says it; `{}` is nothing.
        `weights` are by dimension (`{"lat": cosines}`), a pair of names and an array, xarray's DataArray, or the name of a
        variable. `groups` are a pair of a dimension and a label for each of its positions (`("time", months)`), or of several
        dimensions and an array of labels; labels count from 0, -1 is in no group. In place of the dimension comes one with a
        position for each group.
        `array` and `chunks` (with `urls`) stand in place of a variable for whoever knows where its chunks lie.
        `progress` shows a bar, or is called with a `Progress` about twice a second.

        Raises:
            ServiceError: if the service says so.
            Failure: if there is no answer.
            UsageError: if the arguments make no sense.
        """
        options: Reduction = {
            "axis": axis,
            "selection": selection,
            "keepdims": keepdims,
            "missing": missing,
            "skipna": skipna,
            "unpack": unpack,
            "weights": weights,
            "groups": groups,
            "array": array,
            "chunks": chunks,
            "urls": urls,
            "interface": interface,
            "format": format,
            "etag": etag,
            "endpoints": endpoints,
        }
        fields = self.reduction(url, variable, statistics, options) | without_none({"result_dtype": result_dtype})
        return self.ask("reduce", fields, progress, Result.from_answer)

    def reduce_partially(
        self,
        url: str,
        variable: str | None,
        statistics: Statistic | Sequence[Statistic],
        *,
        progress: bool | Told = False,
        **options: Unpack[Reduction],
    ) -> Partial:
        """What merges of statistics of a part, to be given to `reductionist.merge` with that of the other parts.

        `options` are those of `reduce`; `selection` says which part. Statistics that do not merge are refused.

        Raises:
            ServiceError: if the service says so.
            Failure: if there is no answer.
            UsageError: if the arguments make no sense.
        """
        fields = self.reduction(url, variable, statistics, options) | {"partial": True}
        return self.ask("reduce", fields, progress, Partial.from_answer)

    def reduction(
        self, url: str, variable: str | None, statistics: Statistic | Sequence[Statistic], options: Reduction
    ) -> Fields:
        """The fields of a question about statistics."""
        asked = {
            "statistics": statistics_of(statistics),
            "axis": axes_of(options.get("axis")),
            "keepdims": options.get("keepdims") or None,
            "missing": options.get("missing"),
            "skipna": options.get("skipna") or None,
            "weights": weights_of(options.get("weights"), self.endpoint),
            "groups": groups_of(options.get("groups")),
            **part_of(options.get("selection"), options.get("unpack", True)),
        }
        place = self.place(
            url, options.get("interface"), options.get("format"), options.get("etag"), options.get("endpoints")
        )
        return (
            place
            | subject(variable, options.get("array"), options.get("chunks"), options.get("urls"))
            | without_none(asked)
        )

    def select(
        self,
        url: str,
        variable: str | None,
        selection: Selection = None,
        *,
        unpack: bool = True,
        array: Mapping[str, Any] | None = None,
        chunks: Mapping[str, Any] | None = None,
        urls: Sequence[str] | None = None,
        interface: str | None = None,
        format: Format | None = None,
        etag: str | None = None,
        endpoints: Mapping[str, str] | None = None,
        progress: bool | Told = False,
    ) -> Selected:
        """The elements themselves that are selected; missing ones are as stored, or NaN where they are unpacked.

        Raises:
            ServiceError: if the service says so.
            Failure: if there is no answer.
            UsageError: if the arguments make no sense.
        """
        place = self.place(url, interface, format, etag, endpoints)
        fields = place | subject(variable, array, chunks, urls) | without_none(part_of(selection, unpack))
        return self.ask("select", fields, progress, Selected.from_answer)

    def place(
        self,
        url: str,
        interface: str | None,
        format: Format | None,
        etag: str | None,
        endpoints: Mapping[str, str] | None,
    ) -> Fields:
        """The fields that say which object is meant."""
        where = located(url, interface, self.endpoint)
        return where | without_none({"format": format, "etag": etag, "endpoints": endpoints})

    def ask(self, route: str, fields: Fields, progress: bool | Told, read: Callable[[Fields], Answer]) -> Answer:
        """The answer of a route."""
        body, content_type = body_of(fields)
        with told_to(progress, route) as tell:
            headers = {"Content-Type": content_type, "Accept": SEQUENCE if tell else CBOR}
            message = Message(f"variables/v1/{route}", body, headers, fields["interface_type"])
            with self.transport.patiently(message, stream=tell is not None) as response:
                if response.status_code != 200:
                    raise failure(response)
                if tell:
                    last = last_item(response, tell)
                with an_answer(response):
                    return read(last if tell else cbor2.loads(response.content))


def part_of(selection: Selection, unpack: bool) -> Fields:
    """The fields that say what of a variable is meant, and whether it is unpacked."""
    return {"selection": selected(selection), "unpack": None if unpack else False}


def address(server: str) -> str:
    """The service's address, checked."""
    try:
        return web_address(server)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"server: {error}") from None
