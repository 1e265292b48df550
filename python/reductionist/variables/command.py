"""Command lines about variables, to their results."""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from reductionist.credentials import WEB, Credentials
from reductionist.errors import UsageError
from reductionist.variables.arguments import complaints, missing, statistics_with_options
from reductionist.variables.client import Client
from reductionist.variables.coordinates import Coordinates, periods_named, weights_named
from reductionist.variables.location import ENDPOINT
from reductionist.variables.tables import (
    description_object,
    description_text,
    result_object,
    result_text,
    selected_object,
    selected_text,
)


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Asks and shows.

    Raises:
        UsageError: if the options contradict each other.
        Failure: if there is no answer.
    """
    if complaint := complaints(options):
        raise UsageError(complaint)
    with client_of(options, environment) as client:
        (first, *_) = options.statistics
        shown = {"describe": describe, "select": select}.get(first, reduce)
        print(shown(client, options))


def client_of(options: argparse.Namespace, environment: Mapping[str, str]) -> Client:
    """The service, as the options say how to speak to it."""
    if options.cacert and options.insecure:
        raise UsageError("--cacert and --insecure exclude each other")
    if options.bearer_token and options.interface not in WEB:
        raise UsageError("--bearer-token is for objects on web servers: --interface https")
    return Client(
        options.server,
        Credentials.checked(vars(options), environment),
        endpoint=options.endpoint or environment.get(ENDPOINT),
        requester_pays=options.requester_pays,
        verify=not options.insecure and (options.cacert or True),
        timeout=options.timeout,
        retry_for=options.retry_for,
    )


def place_of(options: argparse.Namespace) -> dict[str, Any]:
    """How the object is read."""
    return {name: vars(options)[name] for name in ("interface", "format", "etag")}


def describe(client: Client, options: argparse.Namespace) -> str:
    """What a file has."""
    found = client.describe(options.url, options.variable, **place_of(options))
    if options.json:
        return json.dumps(description_object(found))
    return description_text(found, alone=options.variable is not None)


def reduce(client: Client, options: argparse.Namespace) -> str:
    """Statistics."""
    place = place_of(options)
    coordinates = Coordinates(client, options.url, dict(options.select), place)
    periods = periods_named(options.groups, coordinates) if options.groups else None
    result = client.reduce(
        options.url,
        options.variable,
        statistics_with_options(options),
        axis=options.axis,
        selection=dict(options.select) or None,
        keepdims=options.keepdims,
        missing=missing(options),
        skipna=options.skipna,
        unpack=not options.packed,
        weights=weights_named(options.weights, coordinates) if options.weights else None,
        groups=periods.groups() if periods else None,
        result_dtype=options.result_dtype,
        progress=wants_progress(options),
        **place,
    )
    names = {periods.dim: periods.names} if periods else {}
    return json.dumps(result_object(result, names)) if options.json else result_text(result, names)


def select(client: Client, options: argparse.Namespace) -> str:
    """Elements."""
    found = client.select(
        options.url,
        options.variable,
        dict(options.select) or None,
        unpack=not options.packed,
        **place_of(options),
        progress=wants_progress(options),
    )
    return json.dumps(selected_object(found)) if options.json else selected_text(found)


def wants_progress(options: argparse.Namespace) -> bool:
    """Whether a bar is to be shown: on a terminal, unless it is said."""
    return sys.stderr.isatty() if options.progress is None else bool(options.progress)
