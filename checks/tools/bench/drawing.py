"""The figures as a drawing: SVG, for light and dark pages."""

from harness.cases import BY_NAME
from harness.drawing import BAR, MARGIN, STYLE, WIDTH, bar, label, rule
from tools.bench.gains import POOL, of_default_pool, ways
from tools.bench.report import number, size

LABEL, EARLIER = 250, 62  # widths of a case's name, and of what an earlier server took
ROW = 66  # height of a case
CHART = 230  # height of a chart of throughput


def key(x, y, entries):
    """What the colours mean: (style, text), one after the other."""
    parts = []
    for style, text in entries:
        parts += [bar(x, y - BAR + 1, 16, style), label(x + 22, y, text, "soft")]
        x += 22 + 6.6 * len(text) + 24
    return parts


# --- CPU time ------------------------------------------------------------------------------------------------


def cpu_panel(cases, top):
    """Bars of each case, as shares of what an earlier server took; and the height of it all."""
    cases = {name: of_case for name, of_case in cases.items() if BY_NAME[name].earlier_ms}
    left, right, first = MARGIN + LABEL, WIDTH - MARGIN - EARLIER, top + 78
    unit = right - left
    bottom = first + ROW * len(cases)
    pools = [(f"bar {pool}", f"service, {pool}") for pool in next(iter(cases.values()))["pools"]]
    limit = [("get", "limit: bare GET"), ("inflate", "+ bare inflate"), ("earlier", "an earlier server")]
    parts = [
        label(MARGIN, top + 16, "CPU time of one request, beside its limit and an earlier server’s", "title"),
        *key(MARGIN, top + 40, pools + limit),
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + share * unit
        parts += [rule(x, first - 8, x, bottom - 8), label(x, first - 14, f"{share:.0%}", "soft middle")]
    for row, (name, of_case) in enumerate(cases.items()):
        parts += case_bars(BY_NAME[name], of_case, left, first + row * ROW, unit)
    goal = left + unit / 3
    parts.append(rule(goal, first - 8, goal, bottom - 8, "goal"))
    parts.append(label(goal + 5, bottom + 4, "goal: a third of the earlier server’s", "goal-text"))
    return parts, bottom + 16 - top


def case_bars(case, of_case, left, y, unit):
    name, _, rest = case.title.partition(", ")
    get, inflate = (of_case[limit] / case.earlier_ms * unit for limit in ("get_ms", "inflate_ms"))
    parts = [
        label(MARGIN, y + 16, name),
        label(MARGIN, y + 33, rest, "soft"),
        f'<rect x="{left:.1f}" y="{y}" width="{unit:.1f}" height="{ROW - 18}" class="earlier"/>',
        label(left + unit + 8, y + ROW / 2 - 5, f"{number(case.earlier_ms)} ms", "soft"),
    ]
    y += 4
    for pool, of_pool in of_case["pools"].items():
        width = min(of_pool["server_cpu_ms"] / case.earlier_ms, 1) * unit
        parts += [bar(left, y, width, f"bar {pool}"), value(left, width, unit, y, of_pool["server_cpu_ms"])]
        y += BAR + 3
    parts.append(bar(left, y, get, "get"))
    if inflate:
        parts.append(bar(left + get, y, inflate, "inflate"))
    return [*parts, value(left, get + inflate, unit, y, of_case["get_ms"] + of_case["inflate_ms"])]


def value(left, width, unit, y, milliseconds):
    """Behind a bar, or in it if it is long."""
    text, y = f"{number(milliseconds)} ms", y + BAR - 1.5
    if width > 0.88 * unit:
        return label(left + width - 5, y, text, "inside right")
    return label(left + width + 5, y, text, "soft")


# --- Throughput ----------------------------------------------------------------------------------------------


def throughput_panel(throughput, top):
    """A chart of each case, side by side."""
    parts = [
        label(MARGIN, top + 16, "Requests per second by number of connections", "title"),
        *pools_key(MARGIN, top + 40, next(iter(throughput.values()))),
    ]
    width = (WIDTH - 2 * MARGIN - 40) / len(throughput)
    for column, (name, of_case) in enumerate(throughput.items()):
        left = MARGIN + column * (width + 40)
        parts += chart(BY_NAME[name].title, of_case, left + 48, top + 84, width - 58)
    return parts, CHART + 84 + 50


def pools_key(x, y, pools):
    """Nothing if there is no other pool to tell one from."""
    return key(x, y, [(f"bar {pool}", pool) for pool in pools]) if len(pools) > 1 else []


def chart(title, of_pools, left, top, width):
    most = nice(max(best["rate"] for found in of_pools.values() for best in found.values()))
    connections = list(next(iter(of_pools.values())))
    step = width / (len(connections) - 1)
    parts = [label(left - 48, top - 18, title)]
    for fifth in range(6):
        y = top + CHART * (1 - fifth / 5)
        parts += [rule(left, y, left + width, y), label(left - 7, y + 4, f"{most * fifth / 5:.0f}", "soft right")]
    for i, count in enumerate(connections):
        parts.append(label(left + i * step, top + CHART + 18, count, "soft middle"))
    parts.append(label(left + width / 2, top + CHART + 36, "connections", "soft middle"))
    for pool, found in of_pools.items():
        heights = [CHART * best["rate"] / most for best in found.values()]
        points = [(left + i * step, top + CHART - height) for i, height in enumerate(heights)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" class="curve {pool}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="bar {pool}"/>' for x, y in points]
    return parts


def nice(most):
    """A round number that is not below, and that can be divided by five."""
    unit = 10 ** (len(str(int(most))) - 1)
    return next(unit * factor for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if unit * factor >= most)


# --- What clients save ---------------------------------------------------------------------------------------


def gain_panel(results, top):
    """Bars of each case, as shares of what downloading takes; and the height of it all."""
    left, right, first = MARGIN + LABEL + 40, WIDTH - MARGIN - 10, top + 60
    bottom = first + ROW * len(results["client"])
    parts = [label(MARGIN, top + 16, "What asking takes of what downloading takes", "title")]
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + share * (right - left)
        parts += [rule(x, first - 8, x, bottom - 8), label(x, first - 14, f"{share:.0%}", "soft middle")]
    for row, (case, of_case, asked, downloaded) in enumerate(ways(results)):
        y = first + row * ROW
        name, _, rest = case.title.partition(", ")
        parts += [label(MARGIN, y + 16, name), label(MARGIN, y + 33, rest, "soft")]
        bytes_of = of_case["client_bytes"], of_case["download_bytes"]
        for what, values, written in (
            ("time", (asked["wall_ms"], downloaded["wall_ms"]), milliseconds),
            ("CPU", (asked["cpu_ms"], downloaded["cpu_ms"]), milliseconds),
            ("bytes", bytes_of, size),
        ):
            parts += gain_bar(left, y, right - left, what, values, written)
            y += BAR + 5
    return parts, bottom - top


def gain_bar(left, y, unit, what, values, written):
    asked, downloaded = values
    width = min(asked / downloaded, 1) * unit
    text = f"{written(asked)} instead of {written(downloaded)}"
    base = y + BAR - 1.5
    at = (
        label(left + width - 5, base, text, "inside right")
        if width > 0.6 * unit
        else label(left + width + 6, base, text, "soft")
    )
    return [label(left - 8, base, what, "soft right"), bar(left, y, width, f"bar {POOL}"), at]


def milliseconds(value):
    return f"{number(value)} ms"


# --- All -----------------------------------------------------------------------------------------------------


def draw(results):
    """What the service takes, of what the results have."""
    panels = [(results["cases"], cpu_panel), (results["throughput"], throughput_panel)]
    return drawn(panels, "CPU time for one request, and requests per second by number of connections")


def draw_gains(results):
    """What users gain."""
    results = of_default_pool(results)
    panels = [(results, gain_panel), (results["throughput"], throughput_panel)]
    return drawn(
        panels, "What asking takes of what downloading takes, and requests per second by number of connections"
    )


def drawn(panels, title):
    """Panels of what there is, one below the other."""
    parts, height = [], MARGIN
    for figures, panel in panels:
        if figures:
            of_panel, used = panel(figures, height)
            parts += of_panel
            height += used + MARGIN
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    description = f"<title>{title}</title>"
    page = f'<rect width="{WIDTH}" height="{height}" class="page"/>'
    return "\n".join([head, description, f"<style>{STYLE}</style>", page, *parts, "</svg>"]) + "\n"
