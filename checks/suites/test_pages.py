"""Runs the commands of documentation pages, with the real program, and compares what they print.

A page is one session of a shell, in a directory that looks like a checkout with the built program. Its fenced blocks

    ```sh             are run, in order; if a command fails, so does the page
    ```sh elsewhere   are read, not run: they need what this machine has not, such as a cluster
    ```python         are run with Python
    ```text           right behind one that was run: what it prints; `…` stands for anything within a line, a line
                      of its own for any lines

Ports are replaced by free ones. What a page leaves running is ended with it.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.places import DOCS, ROOT
from harness.processes import environment, free_port
from harness.report import Group

pytestmark = pytest.mark.pages

SINGLE = "index.md", "tutorial.md", "migration.md", "api.md", "variables.md", "scaling.md", "monitoring.md"
PAGES = [*(DOCS / name for name in SINGLE), *sorted(DOCS.glob("how-to/*.md"))]
AT_ONCE = 3  # pages, which wait most of the time
PAGE_SECONDS = 60
STOP_SECONDS = 10
PORTS = re.compile(r"\b(8080|8081|8443|9000)\b")
SETTING = re.compile(r"\bREDUCTIONIST_[A-Z0-9_]+")
NAMED_FILE = re.compile(r"(?<![\w/.-])(?:checks|deployment|examples|python|scripts)/[\w./-]*[\w/]")
MARK = "----- block {} -----\n"


@dataclass
class Block:
    """A fenced block: the words behind the fence, its lines, and the number of its first line on the page."""

    words: str
    text: str
    line: int

    @property
    def is_run(self):
        return self.words in ("sh", "python")

    @property
    def command(self):
        """For the shell."""
        return f"python - <<'END OF PYTHON'\n{self.text}END OF PYTHON\n" if self.words == "python" else self.text


def blocks(page):
    found, lines = [], enumerate(page.splitlines(keepends=True), 1)
    for number, line in lines:
        if line.startswith("```"):
            inside = []
            for _, inner in lines:
                if inner.startswith("```"):
                    break
                inside.append(inner)
            found.append(Block(line[3:].strip(), "".join(inside), number + 1))
    return found


def expectations(found):
    """Blocks that are run, each with what it is said to print, if that is said."""
    for block, following in zip(found, [*found[1:], None]):
        if block.is_run:
            yield block, following.text if following and following.words == "text" else None


def says(expected, printed):
    """Whether a page tells what was printed."""
    parts = ["(?:.*\n)*" if line.strip() == "…" else pattern(line) for line in expected.splitlines()]
    return re.fullmatch("".join(parts), "".join(f"{line.rstrip()}\n" for line in printed.splitlines()))


def pattern(line):
    return ".*".join(map(re.escape, line.rstrip().split("…"))) + "\n"


# --- Running -------------------------------------------------------------------------------------------------


def checkout(directory, programs):
    """Makes a directory look like a checkout in which the program was built, and returns the shell's environment."""
    for name in ("scripts", "examples", "deployment", "docs", "python"):
        (directory / name).symlink_to(ROOT / name)
    (directory / "target/release/examples").mkdir(parents=True)
    (directory / "target/release/reductionist").symlink_to(programs.service)
    (directory / "target/release/examples/s3_store").symlink_to(programs.example("s3_store"))
    path = f"{directory}/target/release:{Path(sys.executable).parent}:{os.environ['PATH']}:/usr/sbin"
    return environment(PATH=path, PYTHONDONTWRITEBYTECODE="1")


def run(script, directory, variables):
    """Exit code, output and errors of a script of the shell; whatever it started is ended, too."""
    with open(directory / "output", "w+") as output, open(directory / "errors", "w+") as errors:
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        options = {"cwd": directory, "env": variables, "start_new_session": True, "stdin": subprocess.DEVNULL}
        shell = subprocess.Popen(command, stdout=output, stderr=errors, **options)
        try:
            code = shell.wait(PAGE_SECONDS)
        except subprocess.TimeoutExpired:
            code = f"none within {PAGE_SECONDS} s"
        finally:
            end_group(shell)
        return code, Path(output.name).read_text(), Path(errors.name).read_text()


def end_group(shell):
    """Ends all processes of a shell's session: the service finishes at a first signal and stops at the next ones."""
    give_up = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.killpg(shell.pid, signal.SIGTERM if time.monotonic() < give_up else signal.SIGKILL)
            shell.poll()
            time.sleep(0.05)


# --- Checking ------------------------------------------------------------------------------------------------


def failures(page, programs):
    """What is wrong with a page."""
    text = page.read_text()
    found = blocks(text)
    yield from unknown_names(text, programs)
    for block in found:
        if block.words.startswith("sh") and (error := syntax_error(block.text)):
            yield f"line {block.line}: {error}"
    yield from wrong_outputs(found, programs)


def unknown_names(text, programs):
    """Settings that neither the service nor the client for people has, and files that do not exist."""
    known = subprocess.run([programs.service, "--help"], capture_output=True, text=True, check=True).stdout
    known += (DOCS / "configuration.md").read_text()
    known += "".join(module.read_text() for module in ROOT.glob("python/reductionist/*.py"))
    for name in sorted({*SETTING.findall(text)} - {*SETTING.findall(known), "REDUCTIONIST_"}):
        yield f"there is no setting {name}"
    for name in sorted({*NAMED_FILE.findall(text)}):
        if not (ROOT / name).exists():
            yield f"there is no {name}"


def syntax_error(command):
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True)
    return checked.stderr.strip() if checked.returncode else None


def wrong_outputs(found, programs):
    steps = list(expectations(found))
    script = "".join(f"printf -- '{MARK.format(number)}'\n{block.command}" for number, (block, _) in enumerate(steps))
    ports = {name: str(free_port()) for name in PORTS.findall(script)}
    with tempfile.TemporaryDirectory(prefix="tutorial-") as name:
        directory = Path(name)
        variables = checkout(directory, programs)
        code, output, errors = run(with_ports(script, ports), directory, variables)
    printed = re.split(re.escape(MARK).replace(r"\{\}", r"\d+"), output)[1:]
    for (block, expected), got in zip(steps, printed):
        if expected is not None and not says(with_ports(expected, ports), got):
            yield f"line {block.line} is said to print\n{expected}but prints\n{got}"
    if code:
        last = steps[len(printed) - 1][0].line if printed else 0
        yield f"line {last}: exit code {code}; the last errors:\n{errors[-3000:]}"


def with_ports(text, ports):
    return PORTS.sub(lambda port: ports.get(port[0], port[0]), text)


def checked(page, programs):
    """A page is right or it is not, whatever is wrong with it."""
    begin, wrong, found = time.monotonic(), list(failures(page, programs)), blocks(page.read_text())
    counts = f"{sum(block.is_run for block in found)} blocks run"
    if elsewhere := sum(block.words == "sh elsewhere" for block in found):
        counts += f", {elsewhere} for elsewhere read"
    return Group(
        f"{page.relative_to(ROOT)}: {counts}", 1, ["\n".join(wrong)] if wrong else [], time.monotonic() - begin
    )


def test_pages_say_what_their_commands_print(programs, report, pytestconfig):
    given = pytestconfig.getoption("page")
    pages = [page.resolve() for page in given] if given else PAGES
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for group in pool.map(lambda page: checked(page, programs), pages):
                report.add(group)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # pages that have begun come to their end
            raise
