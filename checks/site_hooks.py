"""What MkDocs does not do by itself with our pages. Named in mkdocs.yml.

Pages are written to be read in the repository too. There, a link may lead to a file beside docs/, and the words behind
a fence say to our tests what a block is for.
"""

import logging
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>\.\./[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
FENCE = re.compile(r"^(?P<fence>\s*```\w+) .+$", re.MULTILINE)

log = logging.getLogger("mkdocs.hooks.reductionist")


def on_config(config):
    """Writes patterns of the menu out."""
    config.nav = [written_out(entry) for entry in config.nav]
    return config


def written_out(entry):
    """An entry of the menu in which all pages take the place of a pattern that they match."""
    if isinstance(entry, dict):
        return {title: below(pages) for title, pages in entry.items()}
    return entry


def below(pages):
    if isinstance(pages, list):
        return [written_out(entry) for entry in pages]
    return sorted(str(path.relative_to(DOCS)) for path in DOCS.glob(pages)) if "*" in pages else pages


def on_page_markdown(markdown, page, **_):
    """Takes what only the repository has out of a page."""
    directory = (DOCS / page.file.src_uri).parent
    markdown = LINK.sub(lambda link: without_file(link, directory, page), markdown)
    return FENCE.sub(r"\g<fence>", markdown)


def without_file(link, directory, page):
    """A link that leaves docs/ as text that names the file, which has to exist; any other link as it is."""
    file = (directory / link["target"]).resolve()
    if file.is_relative_to(DOCS):
        return link[0]
    if not file.exists() or not file.is_relative_to(ROOT):
        log.warning("%s links to '%s', which does not exist", page.file.src_uri, link["target"])
    name = f"`{file.relative_to(ROOT)}`" if file.is_relative_to(ROOT) else link["target"]
    return name if link["text"].strip("`/") == name.strip("`/") else f"{link['text']} ({name})"
