"""The command reductionist-client, from its command line to its exit status."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn
from urllib.parse import urlsplit

import numpy as np
import urllib3

from reductionist import chunk_file
from reductionist.answers import Answer
from reductionist.combine import combined
from reductionist.credentials import Credentials
from reductionist.errors import Failure, UsageError
from reductionist.fields import Fields, request
from reductionist.options import PROGRAM, given_fields, make_parser
from reductionist.output import as_object, as_text, notes, result
from reductionist.plan import Plan, Task, plan
from reductionist.service import Service, ask_all
from reductionist.transport import Access
from reductionist.variables import command
from reductionist.variables.arguments import is_about_variable, variable_parser

DESCRIPTION = f"""Asks Reductionist about a chunk of an array, or about several of them and combines the answers.

About a whole variable, wherever its chunks lie, one request is enough: {PROGRAM} mean s3://BUCKET/KEY VARIABLE
--axis time ({PROGRAM} describe --help explains).

examples:
  # the sum and the count of one chunk in an S3 bucket
  reductionist-client sum --url http://127.0.0.1:9000/public/temperature.nc --dtype float32 --byte-order little \\
      --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4 --missing-value 1e20
  # the mean of a whole variable, from a file that describes its chunks
  reductionist-client mean --url http://127.0.0.1:9000/public/temperature.nc --chunks examples/quickstart/temperature.json
  # the same over time, of a part of the variable
  reductionist-client mean --url http://127.0.0.1:9000/public/temperature.nc --chunks examples/quickstart/temperature.json \\
      --axis 0 --selection :,10:30,::5
  # part of a chunk that is stored as it is, over two axes, from a private bucket
  REDUCTIONIST_PASSWORD=SECRET_KEY reductionist-client max --user ACCESS_KEY --url https://store.example/bucket/data.bin \\
      --dtype int16 --shape 10,20,30 --selection=-3:,::2,7 --axis 0,1
  # the same dialect that PyActiveStorage speaks, and an answer for machines
  reductionist-client count --api v1 --source http://127.0.0.1:9000 --bucket public --object temperature.nc \\
      --dtype float32 --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4 --json

Exit status: 0 if there is a result, 1 if there is none, 2 if the command line makes no sense.
"""


def run_command() -> NoReturn:
    """The command, until it ends: at once at SIGINT, unless that is to be ignored, without waiting for requests."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    sys.exit(main(sys.argv[1:], os.environ))


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs a command line; returns the exit status."""
    about_variable = is_about_variable(arguments)
    parser = variable_parser() if about_variable else make_parser(DESCRIPTION)
    options = parser.parse_known(arguments, "after VARIABLE") if about_variable else parser.parse(arguments)
    np.set_printoptions(floatmode="unique")
    if options.insecure:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    try:
        (command.run if about_variable else run)(options, environment)
        sys.stdout.flush()
    except UsageError as error:
        parser.error(printable(str(error)))
    except Failure as error:
        if about_variable:
            complain(str(error))
        else:
            complain(error.message)
            print_errors(f"  caused by: {cause}" for cause in error.causes)
        return 1
    except MemoryError:
        complain("the result is larger than the memory of this machine")
        return 1
    except BrokenPipeError:  # nobody reads on; Python would complain when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Asks and shows."""
    access = access_of(options, environment)
    planned = planned_of(options)
    check_bearer(options, access, planned)
    service = Service(access, options.api)
    start = time.perf_counter()
    if not options.chunks:
        (task,) = planned.tasks
        show(options, service.ask(options.operation, task.request), task.result_dtype)
        return
    answers = ask_all(service, options.operation, planned.tasks, options.threads, options.progress)
    took = time.perf_counter() - start
    if planned.whole is None:
        show_each(options, planned.tasks, answers)
    else:
        answer = combined(options.operation, planned.whole, planned.tasks, answers, took)
        show(options, answer, planned.whole.result_dtype)


# --- What the options say ------------------------------------------------------------------------------------


def planned_of(options: argparse.Namespace) -> Plan:
    """What to ask."""
    given = given_fields(options)
    if options.chunks:
        return plan(chunk_file.read(options.chunks), given, options.operation, options.api)
    body = request(given, options.operation, options.api)
    return Plan([Task("the chunk", {}, body, given.get("result_dtype"))], None)


def access_of(options: argparse.Namespace, environment: Mapping[str, str]) -> Access:
    """How to speak to the service."""
    if options.cacert and options.insecure:
        raise UsageError("--cacert and --insecure exclude each other")
    return Access(
        server=options.server,
        credentials=Credentials.checked(vars(options), environment),
        requester_pays=options.requester_pays,
        verify=not options.insecure and (options.cacert or True),
        timeout=options.timeout,
        retry_for=options.retry_for,
        connections=options.threads,
    )


def check_bearer(options: argparse.Namespace, access: Access, planned: Plan) -> None:
    """A bearer token is for one web server: whoever else got it could use it."""
    if access.credentials.user or not access.credentials.bearer_token:
        return
    urls = {task.request["url"] for task in planned.tasks if is_on_web(task.request)}
    if not urls and options.bearer_token:
        raise UsageError("--bearer-token is for objects on web servers: --interface https")
    servers = {urlsplit(str(url))[:2] for url in urls}
    if len(servers) > 1:
        raise UsageError("a bearer token is for one web server, but the chunks are on several")


def is_on_web(body: Fields) -> bool:
    """Whether the object of a request is on a web server."""
    return body.get("interface_type") in ("http", "https")


# --- What comes of it ----------------------------------------------------------------------------------------


def show(options: argparse.Namespace, answer: Answer, result_dtype: str | None) -> None:
    """Prints the result of one request, or of several combined."""
    values = result(options.operation, answer, result_dtype)
    if options.json:
        print(json.dumps(as_object(options.operation, answer, values, timing=options.timing)))
        return
    complain(*notes(options.operation, answer, values))
    print(as_text(options.operation, answer, values, timing=options.timing))


def show_each(options: argparse.Namespace, tasks: Sequence[Task], answers: Sequence[Answer]) -> None:
    """Prints the results of chunks one after the other."""
    reason = "select" if options.operation == "select" else "an axis"
    complain(
        f"not combined: with {reason} each chunk has a result of its own; "
        "shape, chunk_shape and origin in the file would say where it belongs"
    )
    operation = options.operation
    shown = [(task, answer, result(operation, answer, task.result_dtype)) for task, answer in zip(tasks, answers)]
    if options.json:
        each = [as_object(operation, answer, values, timing=options.timing) for _, answer, values in shown]
        print(json.dumps([{"chunk": task.said} | fields for task, fields in zip(tasks, each)]))
        return
    for task, answer, values in shown:
        complain(*(f"{task.label}: {note}" for note in notes(operation, answer, values)))
        print(f"{task.label}\n{as_text(operation, answer, values, timing=options.timing)}\n")


def complain(*messages: str) -> None:
    """Says something to people, beside the result."""
    print_errors(f"{PROGRAM}: {message}" for message in messages)


def print_errors(lines: Iterable[str]) -> None:
    """Prints lines that do not control the terminal."""
    for line in lines:
        print(printable(line), file=sys.stderr)


def printable(line: str) -> str:
    """A line without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in line)
