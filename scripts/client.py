#!/usr/bin/env python3
"""Asks Reductionist about a chunk of an array, or about several of them and combines the answers.

examples:
  # the sum and the count of one chunk in an S3 bucket
  client.py sum --url http://127.0.0.1:9000/public/temperature.nc --dtype float32 --byte-order little \\
      --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4 --missing-value 1e20
  # the mean of a whole variable, from a file that describes its chunks
  client.py mean --url http://127.0.0.1:9000/public/temperature.nc --chunks examples/quickstart/temperature.json
  # part of a chunk that is stored as it is, over two axes, from a private bucket
  REDUCTIONIST_PASSWORD=SECRET_KEY client.py max --user ACCESS_KEY --url https://store.example/bucket/data.bin \\
      --dtype int16 --shape 10,20,30 --selection=-3:,::2,7 --axis 0,1
  # the same dialect that PyActiveStorage speaks, and an answer for machines
  client.py count --api v1 --source http://127.0.0.1:9000 --bucket public --object temperature.nc \\
      --dtype float32 --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4 --json

Needs what scripts/requirements-client.txt names: pip install --no-deps -r scripts/requirements-client.txt
Exit status: 0 if there is a result, 1 if there is none, 2 if the command line makes no sense.
"""

import argparse
import base64
import contextlib
import json
import math
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import unquote, urlsplit

import cbor2
import numpy as np
import requests
import urllib3
from tqdm import tqdm

OPERATIONS = ("count", "min", "max", "sum", "mean", "select")
DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")
BYTE_ORDERS = {"little": "<", "big": ">"}

PLACE_V1 = ("source", "bucket", "object")
PLACE_V2 = ("url", "interface_type")
OPTIONS_V2 = ("option_shape_as_bytes", "option_count_as_bytes", "option_disable_chunk_cache")
SHARED = (
    *("dtype", "byte_order", "offset", "size", "shape", "order", "selection", "axis"),
    *("compression", "filters", "missing", "result_dtype", "keepdims"),
)
FIELDS = (*PLACE_V1, *PLACE_V2, *OPTIONS_V2, *SHARED)
MISSING = ("missing_value", "missing_values", "valid_min", "valid_max", "valid_range")


class UsageError(Exception):
    """The command line, or a file that it names, makes no sense."""


class Failure(Exception):
    """There is no result: what the service says, or why it says nothing, and the causes."""

    def __init__(self, message, causes=()):
        super().__init__(message)
        self.message, self.causes = message, list(causes)


# --- Values on the command line ------------------------------------------------------------------------------


def listed(text):
    """The parts of `4,20,30`, `(4, 20, 30)` or `[]`."""
    inner = text.strip("[]() ").removesuffix(",")
    return [part.strip() for part in inner.split(",")] if inner else []


def integers(text):
    """A shape or axes: `4,20,30`."""
    try:
        return [int(part) for part in listed(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of integers such as 4,20,30") from None


def selection(text):
    """A slice or an index for each dimension: `0:4,::2,3` is [[0, 4, 1], [None, None, 2], 3]."""
    return [slice_or_index(part) for part in listed(text)]


def slice_or_index(text):
    """An index as an integer; `start:end:stride` as a list, in which None stands for what is left out."""
    try:
        if ":" not in text:
            return int(text)
        parts = [int(part) if part.strip() else None for part in text.split(":")]
        start, end, stride = parts + [None] * (3 - len(parts))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an index and not start:end:stride") from None
    return [start, end, 1 if stride is None else stride]


def number(text):
    """A number as JSON has it: integers stay integers; NaN and infinities become strings."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, NaN or Infinity") from None
    if math.isinf(value) and "inf" not in text.lower():
        raise argparse.ArgumentTypeError(f"{text!r} is more than a float64 can hold")
    return in_json(value)


def numbers(text):
    """Several of them: `1e20,-9999,NaN`."""
    return [number(part) for part in listed(text)]


def bounds(text):
    """Two of them: `LOW,HIGH`."""
    pair = numbers(text)
    if len(pair) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW,HIGH")
    return pair


def in_json(value):
    """Replaces the floats that JSON does not have, also in lists, by strings that the service understands."""
    if isinstance(value, list):
        return [in_json(item) for item in value]
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def codec(text):
    """A codec by its id, or in full as a JSON object."""
    if not text.startswith("{"):
        return {"id": text}
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from None


def shuffle(text):
    """The shuffle filter, from the size of its elements."""
    try:
        return {"id": "shuffle", "element_size": int(text)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size in bytes") from None


def seconds(text):
    """A time-out."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def at_least_one(text):
    """How many threads."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def web_address(text):
    """An address to talk to, which is shown in messages and so must be free of credentials."""
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise argparse.ArgumentTypeError("must not have credentials in it; use --user and --password")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with http://HOST or https://HOST")
    return text.rstrip("/")


def existing_file(text):
    """The path of a file."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return text


# --- The command line ----------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, which never repeats a password that was put in a wrong place."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help explains)\n")

    def parse(self, arguments):
        """The options of a command line."""
        options, rest = self.parse_known_args(joined(arguments))
        unknown = [argument.partition("=")[0] for argument in rest if argument.startswith("-")]
        if unknown:
            self.error(f"there is no option {', '.join(unknown)}")
        if rest:
            self.error("there is an argument without an option, after the operation")
        if options.operation not in OPERATIONS:
            self.error(f"the operation must be one of {', '.join(OPERATIONS)}")
        return options


def joined(arguments):
    """Ties values that begin with a minus sign to their options, which argparse takes for options otherwise."""
    tied = []
    for argument in arguments:
        is_value = re.match(r"-([\d.:]|inf)", argument, re.IGNORECASE)
        if is_value and tied and tied[-1].startswith("--") and "=" not in tied[-1]:
            tied[-1] += f"={argument}"
        else:
            tied.append(argument)
    return tied


def make_parser():
    """All options. Those that are fields of a request have the field's name as their destination."""
    summary, examples = __doc__.split("\n", 1)
    parser = Parser(
        prog="client.py",
        usage="client.py OPERATION --url URL --dtype DTYPE [options]",
        description=f"{summary}\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("operation", metavar="OPERATION", help=f"{', '.join(OPERATIONS)}")
    add_service_options(parser.add_argument_group("the service"))
    add_place_options(parser.add_argument_group("where the chunk is"))
    add_content_options(parser.add_argument_group("what the chunk holds"))
    add_result_options(parser.add_argument_group("what is asked"))
    add_chunks_options(parser.add_argument_group("several chunks"))
    add_output_options(parser.add_argument_group("output"))
    return parser


def add_service_options(group):
    """Where the service is and who asks it."""
    group.add_argument(
        "--server", metavar="URL", type=web_address, default="http://127.0.0.1:8080", help="%(default)s if not given"
    )
    group.add_argument("--api", choices=("v1", "v2"), default="v2", help="dialect; %(default)s if not given")
    group.add_argument("--user", metavar="NAME", help="access key of the store, or user name; else anonymous")
    group.add_argument(
        "--password",
        help="secret key or password; better in the environment as REDUCTIONIST_PASSWORD, where nobody sees it",
    )
    group.add_argument(
        "--session-token",
        metavar="TOKEN",
        help="of temporary S3 credentials; better in the environment as REDUCTIONIST_SESSION_TOKEN",
    )
    group.add_argument(
        "--cacert", metavar="FILE", type=existing_file, help="PEM file with the authority of the service's certificate"
    )
    group.add_argument("--insecure", action="store_true", help="accept any certificate of the service")
    group.add_argument(
        "--timeout", metavar="SECONDS", type=seconds, default=90.0, help="longest wait for it; %(default)g if not given"
    )


def add_place_options(group):
    """Fields that say which bytes of which object to read."""
    group.add_argument(
        "--url", help="s3: http(s)://STORE/BUCKET/KEY, percent-encoded; http: the object; file: file:///PATH"
    )
    group.add_argument(
        "--interface",
        dest="interface_type",
        choices=("s3", "http", "https", "file"),
        help="how the URL is read; if not given: file for file:///PATH, else s3",
    )
    group.add_argument("--source", metavar="URL", help="with --api v1, in place of --url: the S3 store")
    group.add_argument("--bucket", metavar="NAME", help="with --api v1: the bucket")
    group.add_argument("--object", metavar="KEY", help="with --api v1: the key, not percent-encoded")
    group.add_argument("--offset", metavar="BYTES", type=int, help="where the chunk begins; 0 if not given")
    group.add_argument("--size", metavar="BYTES", type=int, help="as stored; to the object's end if not given")
    group.add_argument(
        "--no-chunk-cache",
        dest="option_disable_chunk_cache",
        action="store_true",
        default=None,
        help="with --api v2: read the store even if the service has the chunk",
    )


def add_content_options(group):
    """Fields that say how to decode the chunk."""
    group.add_argument("--dtype", choices=DTYPES, metavar="DTYPE", help=", ".join(DTYPES))
    group.add_argument("--byte-order", choices=BYTE_ORDERS, help="the service's own if not given")
    group.add_argument("--shape", metavar="N,N,...", type=integers, help="one dimension if not given")
    group.add_argument("--order", choices=("C", "F"), help="C if not given")
    group.add_argument("--compression", metavar="ID", type=codec, help="such as zlib; or the codec as JSON")
    group.add_argument(
        "--shuffle", metavar="SIZE", dest="filters", action="append", type=shuffle, help="of elements of SIZE"
    )
    group.add_argument(
        "--filter",
        metavar="ID",
        dest="filters",
        action="append",
        type=codec,
        help="any filter by its id, or as JSON; several, and --shuffle, in the order of writing",
    )
    group.add_argument("--missing-value", metavar="X", type=number, help="what is missing; NaN and Infinity too")
    group.add_argument("--missing-values", metavar="X,X,...", type=numbers)
    group.add_argument("--valid-min", metavar="X", type=number, help="what is less is missing")
    group.add_argument("--valid-max", metavar="X", type=number, help="what is greater is missing")
    group.add_argument("--valid-range", metavar="LOW,HIGH", type=bounds, help="what is outside is missing")


def add_result_options(group):
    """Fields that say what to make of the chunk."""
    group.add_argument(
        "--selection",
        metavar="PART,PART,...",
        type=selection,
        help="of each dimension start:end:stride as in Python, or an index, which keeps the dimension: 0:4,::2,3",
    )
    group.add_argument("--axis", metavar="N,N,...", type=integers, help="axes to reduce; all if not given, none: []")
    group.add_argument("--result-dtype", choices=DTYPES, metavar="DTYPE", help="of a sum; a mean is made of float64")
    group.add_argument(
        "--keepdims", action=argparse.BooleanOptionalAction, help="reduced axes stay (default: the service's own)"
    )
    for name in ("shape", "count"):
        group.add_argument(
            f"--{name}-as-bytes",
            dest=f"option_{name}_as_bytes",
            action="store_true",
            default=None,
            help=f"with --api v2: let the answer have its {name} as bytes",
        )


def add_chunks_options(group):
    """How to ask about several chunks."""
    group.add_argument(
        "--chunks",
        metavar="FILE",
        help='JSON, - for standard input: a list of {"offset": ..., "size": ...} with any other field of a request, '
        "which wins over the command line; or a description such as examples/quickstart/temperature.json",
    )
    group.add_argument(
        "--threads", metavar="N", type=at_least_one, default=8, help="requests at one time; %(default)s if not given"
    )
    group.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="a bar; on a terminal only, if not given"
    )


def add_output_options(group):
    """How to show the result."""
    group.add_argument("--json", action="store_true", help="for machines: one line, with every element")
    group.add_argument("--timing", action="store_true", help="show the time and the bytes received, too")


def check_options(options):
    """Takes secrets from the environment, and checks what argparse cannot see. No message repeats a secret."""
    if not options.user and (options.password or options.session_token):
        raise UsageError("--password and --session-token need --user")
    if options.user:
        options.password = options.password or os.environ.get("REDUCTIONIST_PASSWORD")
        options.session_token = options.session_token or os.environ.get("REDUCTIONIST_SESSION_TOKEN")
    if options.user and not options.password:
        raise UsageError("--user needs a password: --password, or REDUCTIONIST_PASSWORD in the environment")
    if ":" in (options.user or ""):
        raise UsageError("--user must not have a colon in it; the password belongs to --password")
    if not re.fullmatch("[!-~]*", options.session_token or ""):
        raise UsageError("the session token must be ASCII without spaces")
    if options.cacert and options.insecure:
        raise UsageError("--cacert and --insecure exclude each other")


# --- Requests ------------------------------------------------------------------------------------------------


def bodies(options):
    """The body of each request, and what is said of its chunk in the file that --chunks names."""
    of_command_line = given_fields(options)
    of_all, chunks = read_chunks(options.chunks) if options.chunks else ({}, [{}])
    for chunk in chunks:
        fields = {name: value for name, value in chunk.items() if name != "origin"}
        yield body(of_all | of_command_line | fields, options), chunk


def given_fields(options):
    """The fields of a request that stand on the command line."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    fields = {name: given[name] for name in FIELDS if name in given}
    missing = {name: given[name] for name in MISSING if name in given}
    return fields | ({"missing": missing} if missing else {})


def read_chunks(path):
    """What a file says of all its chunks, and of each of them."""
    name = "standard input" if path == "-" else path
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        # NaN and the infinities become strings, as the service wants them.
        content = json.loads(text, parse_constant=str)
    except (OSError, ValueError) as error:
        raise UsageError(f"--chunks: {name} cannot be read: {error}") from None
    of_all, chunks = described(content) if isinstance(content, dict) else ({}, content)
    if not isinstance(chunks, list) or not chunks:
        raise UsageError(f"--chunks: {name} has no list of chunks")
    for index, chunk in enumerate(chunks):
        if not isinstance(chunk, dict) or not {"offset", "size"} <= chunk.keys():
            raise UsageError(f"--chunks: {name}: chunk {index} is no object with offset and size")
    return of_all, chunks


def described(description):
    """The same of an object. If it has a chunk_shape, it describes a variable, and its shape is that of the array."""
    of_all = {name: value for name, value in description.items() if name in SHARED}
    if "chunk_shape" in description:
        of_all["shape"] = description["chunk_shape"]
    return of_all, description.get("chunks")


def body(fields, options):
    """A request in the dialect asked for."""
    if "dtype" not in fields:
        raise UsageError("--dtype is required")
    fields = place_v1(fields) if options.api == "v1" else place_v2(fields)
    if options.operation == "mean":
        fields = {"result_dtype": "float64"} | fields
    if isinstance(fields.get("selection"), list):
        fields["selection"] = slices(fields["selection"], fields.get("shape"))
    return fields


def place_v1(fields):
    """Makes source, bucket and object of a URL."""
    alien = [name for name in OPTIONS_V2 if name in fields]
    if fields.get("interface_type", "s3") != "s3" or alien:
        raise UsageError("--api v1 reads S3 stores only, and knows neither --*-as-bytes nor --no-chunk-cache")
    place = [name for name in PLACE_V1 if name in fields]
    if "url" not in fields and len(place) == len(PLACE_V1):
        return {name: value for name, value in fields.items() if name not in PLACE_V2}
    if "url" not in fields or place:
        raise UsageError("--api v1 needs --source, --bucket and --object, or --url in their place")
    split = re.fullmatch("(https?://[^/?#]+)/+([^/?#]+)/+([^?#]+)", str(fields["url"]), re.IGNORECASE)
    if not split:
        raise UsageError("--api v1 needs a --url of the form http(s)://STORE/BUCKET/KEY, percent-encoded")
    place = dict(zip(PLACE_V1, (split[1], unquote(split[2]), unquote(split[3]))))
    return {name: value for name, value in fields.items() if name not in PLACE_V2} | place


def place_v2(fields):
    """Adds how the URL is read if that was not said."""
    if any(name in fields for name in PLACE_V1):
        raise UsageError("--source, --bucket and --object are for --api v1; give --url")
    if "url" not in fields:
        raise UsageError("--url is required")
    is_file = str(fields["url"]).startswith("file:")
    return {"interface_type": "file" if is_file else "s3"} | fields


def slices(parts, shape):
    """A selection with a slice of one element in place of each index, which must be inside the shape, as in NumPy."""
    whole = list(parts)
    lengths = shape if isinstance(shape, list) and all(type(length) is int for length in shape) else []
    for dimension, index in enumerate(parts):
        if type(index) is not int:
            continue
        if dimension < len(lengths) and not -lengths[dimension] <= index < lengths[dimension]:
            raise UsageError(f"index {index} of the selection is outside dimension {dimension} of shape {shape}")
        whole[dimension] = [index, index + 1 or None, 1]
    return whole


# --- Asking --------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """A result, its counts, which are of its shape but for `select`, and what it took."""

    values: np.ndarray
    counts: np.ndarray
    seconds: float
    received: int


class Authorization(requests.auth.AuthBase):
    """Basic credentials as they were typed, or none: without this, `requests` looks for some in ~/.netrc."""

    def __init__(self, user, password):
        self.header = user and f"Basic {base64.b64encode(os.fsencode(f'{user}:{password}')).decode()}"

    def __call__(self, request):
        if self.header:
            request.headers["Authorization"] = self.header
        return request


class Service:
    """The service, over connections that are kept."""

    def __init__(self, options):
        self.options = options
        operation = "sum" if options.operation == "mean" else options.operation
        self.url = f"{options.server}/{options.api}/{operation}"
        self.session = requests.Session()
        self.session.auth = Authorization(options.user, options.password)
        self.session.headers["Content-Type"] = "application/json"
        if options.session_token:
            self.session.headers["x-amz-security-token"] = options.session_token
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=options.threads))

    def ask(self, request):
        """The answer to one request."""
        start = time.perf_counter()
        response = self.post(json.dumps(request))
        took = time.perf_counter() - start
        if response.status_code != 200:
            raise failure(response)
        read = {"v1": read_v1, "v2": read_v2}[self.options.api]
        try:
            values, counts = shaped(*read(response), request.get("order") or "C", self.options.operation)
        except (KeyError, TypeError, ValueError, OverflowError, cbor2.CBORDecodeError) as error:
            raise Failure(f"{self.options.server} gave no answer of Reductionist", [repr(error)]) from None
        return Answer(values, counts, took, len(response.content))

    def post(self, content):
        """The response to a body, whatever its status."""
        server, timeout = self.options.server, self.options.timeout
        verify = not self.options.insecure and (self.options.cacert or True)
        try:
            # A redirection is not followed: whoever it leads to should not get the credentials.
            return self.session.post(self.url, content, timeout=timeout, verify=verify, allow_redirects=False)
        except requests.Timeout:
            raise Failure(f"no answer from {server} within {timeout:g} s (--timeout)") from None
        except requests.RequestException as error:
            raise Failure(f"no answer from {server}", [root(error)]) from None


def root(error):
    """What an error comes from."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return str(error) or type(error).__name__


def failure(response):
    """What a response says that is no result."""
    try:
        error = response.json()["error"]
        message, causes = str(error["message"]), [str(cause) for cause in error.get("caused_by", [])]
    except (ValueError, KeyError, TypeError, AttributeError):
        message, causes = response.reason, response.text.strip().splitlines()[:1]
    if "Retry-After" in response.headers:
        causes.append(f"try again after: {response.headers['Retry-After']} s")
    return Failure(f"error {response.status_code}: {message}", causes)


def read_v1(response):
    """Values, shape and counts: the body, and what headers say."""
    header = {name: response.headers[f"x-activestorage-{name}"] for name in ("dtype", "byte-order", "shape", "count")}
    values = array(response.content, header["dtype"], header["byte-order"])
    return values, json.loads(header["shape"]), json.loads(header["count"])


def read_v2(response):
    """The same from a CBOR map, in which shape and counts are lists or bytes."""
    answer = cbor2.loads(response.content)
    byte_order = answer["byte_order"]
    values = array(answer["bytes"], answer["dtype"], byte_order)
    shape = answer["shape"] or array(answer["shape_as_bytes"], "uint64", byte_order).tolist()
    counts = answer["count"] or array(answer["count_as_bytes"], "int64", byte_order)
    return values, shape, counts


def array(data, dtype, byte_order):
    """Elements in the machine's own byte order."""
    if dtype not in DTYPES:
        raise ValueError(f"there is no dtype {dtype!r}")
    stored = np.dtype(dtype).newbyteorder(BYTE_ORDERS[byte_order])
    return np.frombuffer(data, stored).astype(dtype)


def shaped(values, shape, counts, order, operation):
    """Values and counts in their shape. Counts come as one number, as a list in the order of the values, or nested."""
    shape_of_counts = () if operation == "select" else shape
    counts = np.array(counts, np.int64).reshape(shape_of_counts, order=order)
    return values.reshape(shape, order=order), counts


def ask_about_chunks(service, asked, options):
    """Asks about as many chunks at one time as there are threads. The answers come in the order of the chunks."""
    hidden = None if options.progress is None else not options.progress  # None: unless on a terminal
    pool = ThreadPoolExecutor(options.threads)
    try:
        with tqdm(total=len(asked), desc=options.operation, unit="chunk", disable=hidden) as bar:
            futures = [pool.submit(ask_about_chunk, service, index, *pair) for index, pair in enumerate(asked)]
            for future in as_they_end(futures):
                future.result()
                bar.update()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def as_they_end(futures):
    """The futures in the order in which they end."""
    ended = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    for _ in futures:
        while True:
            # Python does not see an interrupt that comes just before it begins to wait.
            with contextlib.suppress(Empty):
                yield ended.get(timeout=0.2)
                break


def ask_about_chunk(service, index, request, chunk):
    """The answer for one of several chunks, or a failure that says which one it was."""
    try:
        return service.ask(request)
    except Failure as error:
        raise Failure(f"{name_of(index, chunk)}: {error.message}", error.causes) from None


def name_of(index, chunk):
    """What to call one of several chunks."""
    return f"chunk {index} (offset {chunk['offset']})"


# --- Results -------------------------------------------------------------------------------------------------


def can_be_combined(operation, asked):
    """Whether the answers for several chunks make one: if each reduces all of its chunk."""
    return operation != "select" and all(request.get("axis") is None for request, _ in asked)


def combined(operation, answers, took):
    """The answer for all chunks together."""
    shape = answers[0].values.shape  # of one element, whatever the dimensions
    values = np.array([answer.values.reshape(()) for answer in answers])
    total = getattr(values, operation)() if operation in ("min", "max") else added(values)
    count = sum(answer.counts.reshape(()) for answer in answers)
    received = sum(answer.received for answer in answers)
    return Answer(np.reshape(total, shape), np.reshape(count, shape), took, received)


def added(values):
    """The sum in the widest dtype of the kind."""
    if values.dtype.kind == "f":
        with np.errstate(all="ignore"):  # infinities of both signs make NaN, as in the service
            return values.sum(dtype=np.float64)
    widest = {"i": np.int64, "u": np.uint64}[values.dtype.kind]
    try:
        return widest(sum(values.tolist()))  # Python's integers do not wrap
    except OverflowError:
        raise Failure(f"the sum of all chunks does not fit {widest.__name__}: use --result-dtype float64") from None


def result(operation, answer):
    """What was asked for. Where no element is left there is no minimum, maximum and mean: those are masked."""
    if operation not in ("min", "max", "mean"):
        return answer.values
    values = answer.values
    if operation == "mean":
        values = values.astype(np.float64) / np.maximum(answer.counts, 1)
    return np.ma.array(values, mask=answer.counts == 0)


def as_text(operation, answer, timing):
    """A result for humans."""
    values = result(operation, answer)
    # Of `count`, the first two rows are one.
    rows = {operation: values, "count": answer.counts, "dtype": values.dtype, "shape": str(list(values.shape))}
    if timing:
        rows["time"] = f"{answer.seconds * 1000:.1f} ms, {answer.received} bytes received"
    return "\n".join(f"{name}\n{row!s}" if np.ndim(row) else f"{name:<7} {row!s}" for name, row in rows.items())


def as_object(operation, answer, timing):
    """A result for machines."""
    values = result(operation, answer)
    fields = {
        "operation": operation,
        "result": in_json(values.tolist()),
        "count": answer.counts.tolist(),
        "dtype": values.dtype.name,
        "shape": list(values.shape),
    }
    return fields | ({"seconds": answer.seconds, "bytes_received": answer.received} if timing else {})


def show(options, answer):
    """Prints the result of one request, or of several combined."""
    if options.json:
        print(json.dumps(as_object(options.operation, answer, options.timing)))
    else:
        print(as_text(options.operation, answer, options.timing))


def show_each(options, chunks, answers):
    """Prints the results of chunks one after the other."""
    reason = "select" if options.operation == "select" else "an axis"
    print(f"client.py: not combined: with {reason} each chunk has a result of its own", file=sys.stderr)
    if options.json:
        results = (as_object(options.operation, answer, options.timing) for answer in answers)
        print(json.dumps([{"chunk": chunk} | result for chunk, result in zip(chunks, results)]))
        return
    for index, (chunk, answer) in enumerate(zip(chunks, answers)):
        print(f"{name_of(index, chunk)}\n{as_text(options.operation, answer, options.timing)}\n")


def run(options):
    """Asks and shows."""
    check_options(options)
    asked = list(bodies(options))
    service = Service(options)
    if not options.chunks:
        show(options, service.ask(asked[0][0]))
        return
    start = time.perf_counter()
    answers = ask_about_chunks(service, asked, options)
    took = time.perf_counter() - start
    if can_be_combined(options.operation, asked):
        show(options, combined(options.operation, answers, took))
    else:
        show_each(options, [chunk for _, chunk in asked], answers)


def main():
    """Runs the command line; returns the exit status."""
    parser = make_parser()
    options = parser.parse(sys.argv[1:])
    np.set_printoptions(floatmode="unique")
    if options.insecure:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    try:
        run(options)
        sys.stdout.flush()
    except UsageError as error:
        parser.error(str(error))
    except Failure as error:
        for line in (f"client.py: {error.message}", *(f"  caused by: {cause}" for cause in error.causes)):
            print("".join(c if c.isprintable() else " " for c in line), file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads on; Python would complain when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def end_when_interrupted():
    """Ends at once at SIGINT, unless it is to be ignored: requests that are under way are not waited for."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))


if __name__ == "__main__":
    end_when_interrupted()
    sys.exit(main())
