"""The figures as tables and as a drawing: SVG, for light and dark pages."""

from collections.abc import Iterator
from typing import Any

from harness.drawing import BAR, MARGIN, STYLE, WIDTH, bar, label, rule
from harness.report import table
from tools.whole.measuring import STATISTICS
from tools.whole.statistics import CLAIMS, MOST_OF_MEDIAN

TITLES = {"call": "one call", "dask": "xarray, Dask, h5netcdf", "kerchunk": "xarray, Dask, kerchunk"}
STYLES = {"call": "bar tokio", "dask": "get", "kerchunk": "inflate"}
ROW = BAR + 5
LABEL = 190  # width of names
VALUE = 90  # width of the figures behind bars

Results = dict[str, Any]


# --- Tables --------------------------------------------------------------------------------------------------


def text(results: Results) -> str:
    """All that was measured."""
    tables = {"ways": ways_table, "chunks": chunks_table, "growth": growth_table}
    tables |= {"statistics": statistics_table, "median": median_table}
    return "\n\n".join(make(results[part]) for part, make in tables.items() if results.get(part))


def ways_table(ways: Results) -> str:
    head = ["over time", "way", "s", "× one call", "client's CPU s", "client's peak MiB"]
    rows = []
    for statistic in STATISTICS:
        of_statistic = ways[statistic]
        for name, figures in of_statistic.items():
            ratio = figures["seconds"] / of_statistic["call"]["seconds"] if "call" in of_statistic else 1.0
            figures_shown = (f"{figures['cpu_seconds']:.2f}", f"{figures['peak_mib']:.0f}")
            rows.append([statistic, TITLES[name], f"{figures['seconds']:.2f}", f"{ratio:.1f}", *figures_shown])
    references = ways.get("references")
    note = f"\n\nListing the chunks for kerchunk took {references['kerchunk']['seconds']:.1f} s." if references else ""
    return table(head, rows) + note


def chunks_table(chunks: Results) -> str:
    head = ["a chunk of 16 KiB", "service's CPU ms", "ms on the clock", "share"]
    first = chunks["requests"]["cpu_ms"]
    titles = {"requests": "a request of its own", "variable": "part of one about the variable"}
    return table(
        head,
        [
            [titles[name], f"{of['cpu_ms']:.4f}", f"{of['ms']:.4f}", f"{of['cpu_ms'] / first if first else 1:.2f}"]
            for name, of in chunks.items()
        ],
    )


def growth_table(growth: Results) -> str:
    head = ["chunks", "s", "CPU s", "idle MiB", "peak MiB"]
    return table(
        head,
        [
            [
                f"{int(chunks):,}",
                f"{of['seconds']:.2f}",
                f"{of['cpu_seconds']:.2f}",
                f"{of['idle_mib']:.0f}",
                f"{of['peak_mib']:.0f}",
            ]
            for chunks, of in growth.items()
        ],
    )


def statistics_table(statistics: Results) -> str:
    head = ["of a compressed variable", "CPU s", "beside", "ratio", "at most"]
    rows = []
    for name, of in statistics.items():
        claim = CLAIMS.get(name)
        beside = [claim.beside, f"{of['ratio']:.2f}", f"{claim.at_most:.2f}"] if claim else ["", "", ""]
        rows.append([name, f"{of['cpu_seconds']:.3f}", *beside])
    return table(head, rows)


def median_table(found: Results) -> str:
    head = ["of 10⁸ float32", "s", "CPU s", "idle MiB", "peak MiB", "passes", "ratio", "at most"]
    rows = []
    for name, of in found.items():
        ratio = of["seconds"] / found["mean"]["seconds"]
        figures = [f"{of[each]:.{digits}f}" for each, digits in (("seconds", 2), ("cpu_seconds", 2), ("idle_mib", 0))]
        limit = "" if name == "mean" else f"{MOST_OF_MEDIAN:.1f}"
        rows.append([name, *figures, f"{of['peak_mib']:.0f}", f"{of['passes']:.0f}", f"{ratio:.2f}", limit])
    return table(head, rows)


# --- Drawing -------------------------------------------------------------------------------------------------


def draw(results: Results) -> str:
    """What there is of ways and growth, one below the other."""
    parts: list[str] = []
    y = float(MARGIN)
    for part, panel in (("ways", ways_panel), ("growth", growth_panel)):
        if results.get(part):
            drawn, height = panel(results[part], y)
            parts += drawn
            y += height + MARGIN
    size = f'viewBox="0 0 {WIDTH} {y:.0f}" width="{WIDTH}" height="{y:.0f}"'
    title = "<title>Statistics over time of a whole variable, beside the store</title>"
    page = f'<rect width="{WIDTH}" height="{y:.0f}" class="page"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{title}<style>{STYLE}</style>'
    return "\n".join([head, page, *parts, "</svg>"]) + "\n"


def ways_panel(ways: Results, top: float) -> tuple[list[str], float]:
    """Seconds of each statistic in each way."""
    most = max(figures["seconds"] for statistic in STATISTICS for figures in ways[statistic].values())
    parts = [label(MARGIN, top + 16, "Over time, of a whole variable: seconds", "title")]
    y = top + 34
    for statistic in STATISTICS:
        parts.append(label(MARGIN, y + BAR, statistic))
        for name, figures in ways[statistic].items():
            parts += bar_of(TITLES[name], STYLES[name], figures["seconds"] / most, f"{figures['seconds']:.2f} s", y)
            y += ROW
        y += ROW / 2
    return parts, y - top


def bar_of(name: str, style: str, share: float, value: str, y: float) -> Iterator[str]:
    """A bar between its name and its value."""
    left = MARGIN + 60 + LABEL
    width = share * (WIDTH - MARGIN - VALUE - left)
    yield label(left - 8, y + BAR - 1.5, name, "soft right")
    yield bar(left, y, width, style)
    yield label(left + max(width, 1) + 6, y + BAR - 1.5, value, "soft")


def growth_panel(growth: Results, top: float) -> tuple[list[str], float]:
    """Seconds and peak of memory by the number of chunks."""
    parts = [label(MARGIN, top + 16, "One request, by the number of chunks", "title")]
    y = top + 34
    for figure, unit, style, title in (
        ("seconds", "s", "bar tokio", "time"),
        ("peak_mib", "MiB", "bar rayon", "the service’s peak memory"),
    ):
        most = max(of[figure] for of in growth.values())
        parts.append(label(MARGIN, y + BAR, title, "soft"))
        y += ROW
        for chunks, of in growth.items():
            digits = 2 if unit == "s" else 0
            parts += bar_of(f"{int(chunks):,} chunks", style, of[figure] / most, f"{of[figure]:.{digits}f} {unit}", y)
            y += ROW
        parts.append(rule(MARGIN, y + ROW / 4, WIDTH - MARGIN, y + ROW / 4))
        y += ROW
    return parts, y - top
