"""What tools have in common: their options, and how they end."""

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.places import Programs
from harness.report import Failure


class Parser(argparse.ArgumentParser):
    """One that knows the programs, which are built when they are needed."""

    def parse_args(self, *arguments: Any) -> argparse.Namespace:  # type: ignore[override]
        options: argparse.Namespace = super().parse_args(*arguments)
        options.programs = options.programs or Programs.built()
        return options


def parser(description: str, **options: Any) -> Parser:
    """A parser of a tool, with what the first line of its description says."""
    called = Path(sys.argv[0])
    name = called.parent.name if called.stem == "__main__" else called.stem
    made = Parser(name, description=description.splitlines()[0], **options)
    made.add_argument(
        "--programs",
        type=lambda text: Programs(Path(text).resolve()),
        metavar="DIRECTORY",
        help="of programs that are built already, as is REDUCTIONIST_PROGRAMS",
    )
    return made


def end_at_signals() -> None:
    """Blocks are left in order, so that what they started ends with them."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def run(main: Callable[[], int | None]) -> None:
    """Runs a tool to its exit status."""
    end_at_signals()
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"{type(failure).__name__}: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
