"""The command line about variables."""

import argparse
from collections.abc import Sequence
from typing import Any

from reductionist import values
from reductionist.fields import FLOATS, MISSING, Fields
from reductionist.options import PROGRAM, Group, Parser, add_credentials, add_service_options
from reductionist.variables.client import WAIT_SECONDS
from reductionist.variables.coordinates import PERIODS
from reductionist.variables.location import ENDPOINT, INTERFACES
from reductionist.variables.question import FORMATS, STATISTICS

OTHERS = ("describe", "select")
# Options that belong to statistics: their names, what requests call them, whose they are.
OF_STATISTICS = (
    ("ddof", "ddof", ("var", "std")),
    ("quantile", "q", ("quantile",)),
    ("bins", "bins", ("histogram",)),
    ("range", "range", ("histogram",)),
)
REQUIRED = {"quantile": "quantile", "histogram": "bins"}  # by the statistic that makes no sense without

DESCRIPTION = f"""Asks Reductionist about a variable of a file, wherever its chunks lie: one request, and a few bytes back.

  STATISTIC  one of {", ".join(STATISTICS[:10])},
             {", ".join(STATISTICS[10:15])},
             {", ".join(STATISTICS[15:])}; or several: mean,max
  describe   shows what a file has, or how one variable of it is stored
  select     shows elements themselves

examples:
  reductionist-client describe s3://public/temperature.nc --endpoint http://127.0.0.1:9000
  reductionist-client mean,max s3://public/temperature.nc tas --axis time --endpoint http://127.0.0.1:9000
  reductionist-client mean s3://public/temperature.nc tas --select time=0:6 --select lat=::2 \\
      --endpoint http://127.0.0.1:9000 --json
  reductionist-client mean,std s3://public/temperature.nc tas --axis lat,lon --weights "cos(lat)" \\
      --endpoint http://127.0.0.1:9000
  reductionist-client median,quantile s3://public/temperature.nc tas --quantile 0.1,0.9 --groups time.season \\
      --endpoint http://127.0.0.1:9000

Exit status: 0 if there is a result, 1 if there is none, 2 if the command line makes no sense.
"""


def variable_parser() -> Parser:
    """All options of a command line about a variable."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} STATISTIC[,STATISTIC...] URL VARIABLE [options]\n"
        f"       {PROGRAM} select URL VARIABLE [options]\n       {PROGRAM} describe URL [VARIABLE] [options]",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("statistics", metavar="STATISTIC", type=statistics, help="what is asked for; see above")
    parser.add_argument("url", metavar="URL", help="s3://BUCKET/KEY, http(s)://STORE/BUCKET/KEY or file:///PATH")
    parser.add_argument("variable", metavar="VARIABLE", nargs="?", help="its path in the file, such as tas")
    add_question_options(parser.add_argument_group("what is asked"))
    add_meaning_options(parser.add_argument_group("what the numbers mean"))
    add_place_options(parser.add_argument_group("where the file is"))
    add_service_options(parser.add_argument_group("the service"), WAIT_SECONDS)
    add_credentials(parser.add_argument_group("who asks"))
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="for machines: one line, with every element")
    output.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, help="a bar; on a terminal only, if not given"
    )
    return parser


def add_question_options(group: Group) -> None:
    """Of what, and over which dimensions."""
    group.add_argument(
        "--axis",
        metavar="DIM,DIM,...",
        type=axes,
        help="dimensions to reduce, by name or number; all if not given, none: []",
    )
    group.add_argument(
        "--select",
        metavar="DIM=PART",
        type=named_part,
        action="append",
        default=[],
        help="of one dimension start:end:stride as in Python, an index, or [indices]; once for each dimension",
    )
    group.add_argument("--keepdims", action="store_true", help="reduced dimensions stay, with length 1")
    group.add_argument(
        "--weights", metavar="VARIABLE", help='of the same file, or "cos(lat)" of a coordinate in degrees'
    )
    group.add_argument(
        "--groups",
        metavar="TIME.PERIOD",
        type=period,
        help=f"of a coordinate, such as time.month: {', '.join(PERIODS)}; needs cftime",
    )
    group.add_argument("--ddof", metavar="N", type=int, help="of var and std: the divisor is n - N; 0 if not given")
    group.add_argument("--quantile", metavar="Q,Q,...", type=values.numbers, help="of quantile: each from 0 to 1")
    group.add_argument(
        "--bins", metavar="N|EDGE,EDGE,...", type=bins, help="of histogram: edges, or how many within --range"
    )
    group.add_argument("--range", metavar="LOW,HIGH", type=values.bounds, help="of histogram, with a number of bins")
    group.add_argument("--result-dtype", choices=FLOATS[1:], help="of sum, if that is a float; float64 if not given")


def add_meaning_options(group: Group) -> None:
    """What is missing, and whether values are unpacked."""
    group.add_argument("--no-missing", action="store_true", help="nothing is missing, whatever the attributes say")
    for name in ("missing_value", "valid_min", "valid_max"):
        option = f"--{name.replace('_', '-')}"
        group.add_argument(option, metavar="X", type=values.number, help="in place of what the attributes say")
    group.add_argument("--missing-values", metavar="X,X,...", type=values.numbers, help="several of them")
    group.add_argument("--valid-range", metavar="LOW,HIGH", type=values.bounds, help="both bounds")
    group.add_argument("--skipna", action="store_true", help="NaN is missing, too")
    group.add_argument("--packed", action="store_true", help="packed values as they are stored")


def add_place_options(group: Group) -> None:
    """Where the file is, and what it is."""
    group.add_argument(
        "--endpoint",
        metavar="URL",
        type=values.web_address,
        help=f"of the store that s3:// leads to; or {ENDPOINT} in the environment",
    )
    group.add_argument("--interface", choices=INTERFACES, help="how http(s):// is read; s3 if not given")
    group.add_argument("--format", choices=FORMATS, help="found out if not given")
    group.add_argument("--etag", help="version of the file that is meant; an error if the store has another one")


# --- Values --------------------------------------------------------------------------------------------------


def statistics(text: str) -> list[str]:
    """`mean,max`, or `describe`, or `select`."""
    names = values.listed(text)
    unknown = [name for name in names if name not in (*STATISTICS, *OTHERS)]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"there is no statistic {', '.join(unknown)}; there are {', '.join(STATISTICS)}"
        )
    if len(names) > 1 and {*OTHERS} & {*names}:
        raise argparse.ArgumentTypeError(f"{text!r}: describe and select stand alone")
    return names


def axes(text: str) -> list[int | str]:
    """`time,lat`, `0,1` or `[]`."""
    return [int(name) if name.lstrip("-").isdecimal() else name for name in values.listed(text)]


def named_part(text: str) -> tuple[str, Any]:
    """`time=0:10`, `lat=3` or `lat=[0,3,5]`."""
    name, equals, part = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not DIM=PART such as time=0:10")
    if part.startswith("["):
        return name, values.integers(part)
    chosen = values.slice_or_index(part)
    return name, slice(*chosen) if isinstance(chosen, list) else chosen


def bins(text: str) -> int | list[int | float | str]:
    """`50`, or edges such as `0,10,inf`."""
    edges = values.numbers(text)
    return edges[0] if len(edges) == 1 and isinstance(edges[0], int) else edges


def period(text: str) -> tuple[str, str]:
    """`time.month` as the coordinate and the period."""
    coordinate, _, name = text.rpartition(".")
    if not coordinate or name not in PERIODS:
        raise argparse.ArgumentTypeError(f"{text!r} is not TIME.PERIOD such as time.month")
    return coordinate, name


def statistics_with_options(options: argparse.Namespace) -> list[str | Fields]:
    """Names, or maps where options belong to one."""
    return [with_options(name, options) for name in options.statistics]


def with_options(name: str, options: argparse.Namespace) -> str | Fields:
    """A name, or a map with the options that are given of this statistic."""
    given = {key: vars(options)[option] for option, key, names in OF_STATISTICS if name in names}
    said = {key: value for key, value in given.items() if value is not None}
    return {"name": name, **said} if said else name


def missing(options: argparse.Namespace) -> Fields | None:
    """What is missing, if that is said."""
    said = {name: vars(options)[name] for name in MISSING if vars(options)[name] is not None}
    return said or ({} if options.no_missing else None)


def complaints(options: argparse.Namespace) -> str | None:
    """What is wrong with options that are right one by one."""
    (first, *_) = options.statistics
    names = [name for name, _ in options.select]
    if first != "describe" and options.variable is None:
        return "VARIABLE is required; describe shows which there are"
    if len({*names}) < len(names):
        return "--select is given twice for one dimension"
    if options.no_missing and missing(options):
        return "--no-missing and other options of what is missing exclude each other"
    return of_statistics(options) or without_use(first, options)


def of_statistics(options: argparse.Namespace) -> str | None:
    """Complains of options of statistics that are not asked for, and of those that lack."""
    for option, _, names in OF_STATISTICS:
        if vars(options)[option] is not None and not {*names} & {*options.statistics}:
            return f"--{option} is for {' and '.join(names)}"
    for name, option in REQUIRED.items():
        if name in options.statistics and vars(options)[option] is None:
            return f"{name} needs --{option}"
    return None


def without_use(first: str, options: argparse.Namespace) -> str | None:
    """Complains of options that would change nothing."""
    of_reduce = {"--axis": options.axis is not None, "--keepdims": options.keepdims, "--skipna": options.skipna}
    of_reduce |= {"options of what is missing": missing(options) is not None, "--result-dtype": options.result_dtype}
    of_reduce |= {"--weights": options.weights, "--groups": options.groups}
    of_part = {"--select": options.select, "--packed": options.packed}
    useless: dict[str, Any] = {"describe": of_reduce | of_part, "select": of_reduce}.get(first, {})
    given = [name for name, is_given in useless.items() if is_given]
    return f"{first} has no use for {', '.join(given)}" if given else None


def is_about_variable(arguments: Sequence[str]) -> bool:
    """Whether a command line is about a variable: its second word, options and their values aside, is a URL."""
    flags = {option for action in variable_parser()._actions if action.nargs == 0 for option in action.option_strings}
    before = ["", *arguments]
    words = [
        argument
        for argument, last in zip(arguments, before)
        if not argument.startswith("-") and (not last.startswith("--") or "=" in last or last in flags)
    ]
    return words[:1] == ["describe"] or (len(words) > 1 and "://" in words[1])
