"""Builds the documentation site, and looks for what it would fetch from elsewhere.

A page may link to other sites; it must not need them: no script, style sheet, font, picture or frame of theirs.
"""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.places import ROOT

pytestmark = pytest.mark.site

SITE = ROOT / "target/site"

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


def test_the_site_is_built_without_a_warning(report):
    # The variable is for an advertisement. Not --quiet: warnings that are not shown are no errors either.
    command = [Path(sys.prefix, "bin/mkdocs"), "build", "--strict", "--clean"]
    told = subprocess.run(command, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True)
    report.check("mkdocs build --strict", told.returncode == 0, told.stderr if told.returncode else "")


def test_the_site_needs_nothing_from_elsewhere(report):
    pages, styles = sorted(SITE.rglob("*.html")), sorted(SITE.rglob("*.css"))
    report.check("there are pages", pages, f"{len(pages)} pages and {len(styles)} style sheets")
    found = [(page, Page(page.read_text()).found) for page in pages]
    found += [(style, IN_CSS.findall(style.read_text())) for style in styles]
    outcomes = (f"{file} needs {needed}" if needed else None for file, needed in found)
    report.group("pages and style sheets", outcomes)
