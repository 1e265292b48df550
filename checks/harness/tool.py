"""What tools have in common: their options, and how they end."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from harness.places import ROOT, Programs
from harness.report import Failure

BUILT = Path(os.environ.get("REDUCTIONIST_PROGRAMS", ROOT / "target/release"))


def parser(description: str, **options: object) -> argparse.ArgumentParser:
    """A parser that knows where the programs are."""
    called = Path(sys.argv[0])
    name = called.parent.name if called.stem == "__main__" else called.stem
    made = argparse.ArgumentParser(name, description=description.splitlines()[0], **options)  # type: ignore[arg-type]
    made.add_argument(
        "--programs",
        type=lambda text: Programs(Path(text).resolve()),
        default=Programs(BUILT.resolve()),
        metavar="DIRECTORY",
        help="where the built programs are; REDUCTIONIST_PROGRAMS, or target/release",
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
