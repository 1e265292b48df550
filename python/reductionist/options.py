"""The command line."""

import argparse
import re
from collections.abc import Sequence
from typing import NoReturn

from reductionist import values
from reductionist.fields import BYTE_ORDERS, DIALECTS, DTYPES, FIELDS, MISSING, OPERATIONS, Fields

PROGRAM = "reductionist-client"


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, which never repeats a password that was put in a wrong place."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help explains)\n")

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The options of a command line about chunks."""
        options = self.parse_known(arguments, "after the operation")
        if options.operation not in OPERATIONS:
            self.error(f"the operation must be one of {', '.join(OPERATIONS)}")
        return options

    def parse_known(self, arguments: Sequence[str], where: str) -> argparse.Namespace:
        """The options of a command line that has no others."""
        options, rest = self.parse_known_args(joined(arguments))
        unknown = [argument.partition("=")[0] for argument in rest if argument.startswith("-")]
        if unknown:
            self.error(f"there is no option {', '.join(unknown)}")
        if rest:
            self.error(f"there is an argument without an option, {where}")
        return options


def joined(arguments: Sequence[str]) -> list[str]:
    """Ties values that begin with a minus sign to their options, which argparse takes for options otherwise."""
    tied: list[str] = []
    for argument in arguments:
        is_value = re.match(r"-([\d.:]|inf)", argument, re.IGNORECASE)
        if is_value and tied and tied[-1].startswith("--") and "=" not in tied[-1]:
            tied[-1] += f"={argument}"
        else:
            tied.append(argument)
    return tied


def given_fields(options: argparse.Namespace) -> Fields:
    """The fields of a request that stand on the command line."""
    given = {name: value for name, value in vars(options).items() if value is not None}
    fields = {name: given[name] for name in FIELDS if name in given}
    missing = {name: given[name] for name in MISSING if name in given}
    return fields | ({"missing": missing} if missing else {})


def make_parser(description: str) -> Parser:
    """All options. Those that are fields of a request have the field's name as their destination."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} OPERATION --url URL --dtype DTYPE [options]",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("operation", metavar="OPERATION", help=f"{', '.join(OPERATIONS)}")
    service = parser.add_argument_group("the service")
    service.add_argument("--api", choices=DIALECTS, default="v2", help="dialect; %(default)s if not given")
    add_service_options(service)
    add_credentials(parser.add_argument_group("who asks"))
    add_place_options(parser.add_argument_group("where the chunk is"))
    add_content_options(parser.add_argument_group("how the chunk is stored"))
    add_meaning_options(parser.add_argument_group("what its numbers mean"))
    add_result_options(parser.add_argument_group("what is asked"))
    add_chunks_options(parser.add_argument_group("several chunks"))
    add_output_options(parser.add_argument_group("output"))
    return parser


Group = argparse._ArgumentGroup  # argparse gives it no other name


def add_service_options(group: Group, timeout: float = 90.0) -> None:
    """Where the service is, and how long it is waited for."""
    group.add_argument(
        "--server",
        metavar="URL",
        type=values.web_address,
        default="http://127.0.0.1:8080",
        help="%(default)s if not given",
    )
    group.add_argument(
        "--cacert",
        metavar="FILE",
        type=values.existing_file,
        help="PEM file with the authority of the service's certificate",
    )
    group.add_argument("--insecure", action="store_true", help="accept any certificate of the service")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=values.seconds,
        default=timeout,
        help="longest wait for an answer; %(default)g if not given",
    )
    group.add_argument(
        "--retry-for",
        metavar="SECONDS",
        type=values.seconds_or_none,
        default=60.0,
        help="ask an overloaded service again when it says so, for so long; %(default)g if not given",
    )


def add_credentials(group: Group) -> None:
    """Secrets are better kept in the environment, where nobody sees them."""
    group.add_argument("--user", metavar="NAME", help="access key of the store, or user name; else anonymous")
    group.add_argument("--password", help="secret key or password; better in the environment as REDUCTIONIST_PASSWORD")
    group.add_argument(
        "--session-token",
        metavar="TOKEN",
        help="of temporary S3 credentials; better in the environment as REDUCTIONIST_SESSION_TOKEN",
    )
    group.add_argument(
        "--bearer-token",
        metavar="TOKEN",
        help="of the web server that has the object, in place of --user; better in the environment as "
        "REDUCTIONIST_BEARER_TOKEN",
    )
    group.add_argument(
        "--requester-pays", action="store_true", help="agree that who asks pays the S3 store for reading"
    )
    group.add_argument(
        "--token",
        dest="service_token",
        metavar="TOKEN",
        help="of the service itself, if its operator wants one; better in the environment as REDUCTIONIST_SERVICE_TOKEN",
    )


def add_place_options(group: Group) -> None:
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
    group.add_argument(
        "--size",
        metavar="BYTES",
        type=int,
        help="as stored; to the object's end if not given; 0 if it was never written (--fill-value)",
    )
    group.add_argument("--etag", help="version of the object that is meant; an error if the store has another one")
    group.add_argument(
        "--no-chunk-cache",
        dest="option_disable_chunk_cache",
        action="store_true",
        default=None,
        help="with --api v2: read the store even if the service has the chunk",
    )


def add_content_options(group: Group) -> None:
    """Fields that say how to decode the chunk."""
    group.add_argument("--dtype", choices=DTYPES, metavar="DTYPE", help=", ".join(DTYPES))
    group.add_argument("--byte-order", choices=BYTE_ORDERS, help="the service's own if not given")
    group.add_argument("--shape", metavar="N,N,...", type=values.integers, help="one dimension if not given")
    group.add_argument("--order", choices=("C", "F"), help="C if not given")
    group.add_argument("--compression", metavar="ID", type=values.codec, help="such as zlib; or the codec as JSON")
    group.add_argument(
        "--shuffle", metavar="SIZE", dest="filters", action="append", type=values.shuffle, help="of elements of SIZE"
    )
    group.add_argument(
        "--filter",
        metavar="ID",
        dest="filters",
        action="append",
        type=values.codec,
        help="any filter by its id, or as JSON; several, and --shuffle, in the order of writing",
    )
    group.add_argument(
        "--filter-mask",
        metavar="BITS",
        type=values.filter_mask,
        help="which filters were skipped for this chunk: bit 0 for the first",
    )
    group.add_argument(
        "--codecs", metavar="JSON", type=values.codecs, help="of a Zarr v3 array, in place of compression and filters"
    )


def add_meaning_options(group: Group) -> None:
    """Fields that say what decoded numbers stand for."""
    group.add_argument("--missing-value", metavar="X", type=values.number, help="what is missing; NaN and Infinity too")
    group.add_argument("--missing-values", metavar="X,X,...", type=values.numbers)
    group.add_argument("--valid-min", metavar="X", type=values.number, help="what is less is missing")
    group.add_argument("--valid-max", metavar="X", type=values.number, help="what is greater is missing")
    group.add_argument("--valid-range", metavar="LOW,HIGH", type=values.bounds, help="what is outside is missing")
    group.add_argument(
        "--fill-value",
        metavar="X",
        type=values.fill_value,
        help="what the elements of chunks are that were never written",
    )
    group.add_argument(
        "--scale-factor", metavar="X", type=values.number, help="packed values are multiplied by it to unpack them"
    )
    group.add_argument("--add-offset", metavar="X", type=values.number, help="what is added to packed values then")
    group.add_argument(
        "--unsigned", action=argparse.BooleanOptionalAction, help="read signed integers as unsigned ones (_Unsigned)"
    )


def add_result_options(group: Group) -> None:
    """Fields that say what to make of the chunk."""
    group.add_argument(
        "--selection",
        metavar="PART,PART,...",
        type=values.selection,
        help="of each dimension start:end:stride as in Python, or an index, which keeps the dimension: 0:4,::2,3",
    )
    group.add_argument(
        "--axis", metavar="N,N,...", type=values.integers, help="axes to reduce; all if not given, none: []"
    )
    group.add_argument(
        "--result-dtype",
        choices=DTYPES,
        metavar="DTYPE",
        help="of a sum, of unpacked values, or of a mean, which is a float64 if not given",
    )
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


def add_chunks_options(group: Group) -> None:
    """How to ask about several chunks."""
    group.add_argument(
        "--chunks",
        metavar="FILE",
        help="JSON, - for standard input: a list of chunks, each with its offset and size and any other field of a "
        "request, which wins over the command line; or an object that has such a list and, before it, fields of all "
        "chunks. With shape and chunk_shape of the array, and each chunk's origin in it, --selection is of the array, "
        "and so is the result over --axis (docs/how-to/chunk-files.md)",
    )
    group.add_argument(
        "--threads",
        metavar="N",
        type=values.at_least_one,
        default=8,
        help="requests at one time; %(default)s if not given",
    )
    group.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="a bar; on a terminal only, if not given"
    )


def add_output_options(group: Group) -> None:
    """How to show the result."""
    group.add_argument("--json", action="store_true", help="for machines: one line, with every element")
    group.add_argument("--timing", action="store_true", help="show the time and the bytes received, too")
