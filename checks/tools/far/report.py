"""What was measured, as a table: each way beside plain reading."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from harness.report import table

KIB = 1 << 10
SAME = 1e-6  # relative; plain reading adds float32 values in its own order
ACTIVE = "PyActiveStorage"  # the way that others are compared with, beside the first
HEAD = ["mean", "s", "open", "reduce", "× first", f"× {ACTIVE}", "KiB", "connections", "mean is", "off by"]


@dataclass(frozen=True)
class Row:
    """A way to the mean of a file: medians of its rounds. Bytes and connections are those that crossed the link."""

    layout: str
    way: str
    seconds: float
    open_seconds: float
    reduce_seconds: float
    kib: float
    connections: float
    value: float

    @classmethod
    def of(cls, layout: str, way: str, rounds: Sequence[dict[str, float]], crossed: dict[str, int]) -> "Row":
        """From what each round printed, and what crossed the link in all of them."""
        seconds, opened, reduced, value = (
            median(one[name] for one in rounds) for name in ("all", "open", "reduce", "value")
        )
        kib = (crossed["up_bytes"] + crossed["down_bytes"]) / len(rounds) / KIB
        return cls(layout, way, seconds, opened, reduced, kib, crossed["connections"] / len(rounds), value)

    def off(self, reference: "Row") -> float:
        """By how much of it the mean is another."""
        return abs(self.value - reference.value) / abs(reference.value)


def first_of(rows: Sequence[Row], layout: str) -> Row:
    """The first way to a file, with which others are compared: plain reading, if that was measured."""
    return next(row for row in rows if row.layout == layout)


def active_of(rows: Sequence[Row], layout: str) -> Row | None:
    """The way to a file by a request for each chunk, if that was measured."""
    return next((row for row in rows if row.layout == layout and row.way == ACTIVE), None)


def text(rows: Sequence[Row]) -> str:
    """A table for each file."""
    layouts = dict.fromkeys(row.layout for row in rows)
    return "\n\n".join(f"{layout}\n\n{of_layout(rows, layout)}" for layout in layouts)


def of_layout(rows: Sequence[Row], layout: str) -> str:
    """The ways to one file."""
    first, active = first_of(rows, layout), active_of(rows, layout)
    return table(HEAD, (cells(row, first, active) for row in rows if row.layout == layout))


def faster(row: Row, other: Row | None) -> str:
    """How many times as long the other way takes."""
    return f"{other.seconds / row.seconds:.1f}" if other else "–"


def cells(row: Row, first: Row, active: Row | None) -> Iterable[str]:
    """A line of the table."""
    seconds = (f"{value:.2f}" for value in (row.seconds, row.open_seconds, row.reduce_seconds))
    return [
        row.way,
        *seconds,
        faster(row, first),
        faster(row, active),
        f"{row.kib:,.1f}",
        f"{row.connections:.0f}",
        f"{row.value:.5f}",
        f"{row.off(first):.0e}",
    ]


def wrong(rows: Sequence[Row]) -> list[str]:
    """Ways that find another mean than the first."""
    return [f"{row.layout}, {row.way}" for row in rows if row.off(first_of(rows, row.layout)) > SAME]


def in_json(rows: Sequence[Row], settings: dict[str, Any]) -> dict[str, Any]:
    """All figures, with what they are true of."""
    return settings | {"rows": [asdict(row) for row in rows]}
