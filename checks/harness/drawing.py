"""What drawings have in common: SVG, for light and dark pages."""

from html import escape

WIDTH, MARGIN = 960, 24
BAR = 11  # height of a bar

STYLE = """
svg { --page: #ffffff; --ink: #1f2328; --soft: #656d76; --line: #d0d7de; --get: #8c959f; --inflate: #c0c7cf;
      --tokio: #0969da; --rayon: #bf5700; --goal: #1a7f37; font: 13px system-ui, sans-serif }
@media (prefers-color-scheme: dark) { svg { --page: #0d1117; --ink: #e6edf3; --soft: #9198a1; --line: #3d444d;
      --get: #7d8590; --inflate: #4a525c; --tokio: #4493f8; --rayon: #f0883e; --goal: #3fb950 } }
.page { fill: var(--page) } text { fill: var(--ink) } .soft { fill: var(--soft); font-size: 11.5px }
.inside { fill: var(--page); font-size: 10.5px }
.title { font-size: 15px; font-weight: 600 } .line { stroke: var(--line) } .right { text-anchor: end }
.middle { text-anchor: middle } .get { fill: var(--get) } .inflate { fill: var(--inflate) }
.earlier { fill: none; stroke: var(--soft); stroke-dasharray: 3 3 }
.goal { stroke: var(--goal); stroke-dasharray: 5 4; stroke-width: 1.5 }
.goal-text { fill: var(--goal); font-size: 11.5px }
.bar.tokio { fill: var(--tokio) } .bar.rayon { fill: var(--rayon) }
.curve { fill: none; stroke-width: 2 } .curve.tokio { stroke: var(--tokio) } .curve.rayon { stroke: var(--rayon) }
"""


def label(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{style}">{escape(text)}</text>'


def bar(x: float, y: float, width: float, style: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{BAR}" rx="1.5" class="{style}"/>'


def rule(x1: float, y1: float, x2: float, y2: float, style: str = "line") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{style}"/>'
