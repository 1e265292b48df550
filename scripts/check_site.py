"""Looks for what a built site would fetch from elsewhere. Run by scripts/docs.

A page may link to other sites; it must not need them: no script, style sheet, font, picture or frame of theirs.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

LEADS_ELSEWHERE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
FETCHED = {"src", "srcset", "poster", "data", "action", "formaction"}
FETCHED_LINKS = {"canonical", "alternate", "next", "prev", "license", "author"}  # relations that fetch nothing
IN_CSS = re.compile(r"""(?:url\(\s*|@import\s+)["']?\s*((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
LAZY = "mermaid"  # the theme fetches its program when a page has such a drawing


class Page(HTMLParser):
    """Collects what a page fetches from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.found = IN_CSS.findall(text)
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = {name: value or "" for name, value in attributes}
        fetched = [value for name, value in attributes.items() if name in FETCHED]
        if tag == "link" and not FETCHED_LINKS & set(attributes.get("rel", "").split()):
            fetched.append(attributes.get("href", ""))
        self.found += filter(LEADS_ELSEWHERE.match, fetched)
        if LAZY in attributes.get("class", "").split():
            self.found.append(f"the program that draws {LAZY}")


def main():
    site = Path(sys.argv[1])
    pages, styles = sorted(site.rglob("*.html")), sorted(site.rglob("*.css"))
    if not pages:
        sys.exit(f"{site} has no pages")
    found = [(page, what) for page in pages for what in Page(page.read_text()).found]
    found += [(style, what) for style in styles for what in IN_CSS.findall(style.read_text())]
    for file, what in found:
        print(f"{file} needs {what}")
    print(f"{len(pages)} pages and {len(styles)} style sheets looked at, {len(found)} need something from elsewhere")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
