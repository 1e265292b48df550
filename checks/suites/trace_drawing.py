"""A trace as a drawing: SVG, for light and dark pages."""

from harness.drawing import BAR, MARGIN, STYLE, WIDTH, bar, label, rule

LABEL, ROW, HEAD = 190, 24, 64  # width of names, height of a span, height of what is above them
COLOURS = {"SPAN_KIND_SERVER": "get", "SPAN_KIND_CLIENT": "bar rayon", "SPAN_KIND_INTERNAL": "bar tokio"}


def depth(span, spans):
    above = [other for other in spans if other.id == span.parent]
    return 1 + depth(above[0], spans) if above else 0


def drawing(spans):
    """The spans of one trace, each a bar from its beginning to its end."""
    spans = sorted(spans, key=lambda span: (span.start, -span.end))
    first, last = spans[0].start, max(span.end for span in spans)
    left, right = MARGIN + LABEL, WIDTH - MARGIN - 60
    scale = (right - left) / (last - first)
    height = HEAD + ROW * len(spans) + MARGIN
    total = label(MARGIN, 32, f"{spans[0].name}: {(last - first) / 1e6:.1f} ms", "title")
    parts = [f'<rect class="page" width="{WIDTH}" height="{height}"/>', total]
    for row, span in enumerate(spans):
        middle = HEAD + ROW * row
        start, end = (left + (at - first) * scale for at in (span.start, span.end))
        named = span.attributes.get("resource", "")
        parts += [
            rule(MARGIN, middle - BAR - 5, WIDTH - MARGIN, middle - BAR - 5),
            label(MARGIN + 14 * depth(span, spans), middle, f"{span.name} {named}".strip()),
            bar(start, middle - BAR + 1, end - start, COLOURS[span.kind]),
            label(max(end, start + 1) + 6, middle, f"{(span.end - span.start) / 1e3:.0f} µs", "soft"),
        ]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="A trace">\n<style>{STYLE}</style>\n{body}\n</svg>\n'
    )
