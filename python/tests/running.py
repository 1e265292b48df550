"""Ways to run the client, where what it talks to is, and an answer that it understands."""

import contextlib
import io
import json
import subprocess
import sys
import unittest
from pathlib import Path

from harness.places import Programs
from harness.processes import environment
from reductionist.command_line import main

CLIENT = [sys.executable, "-m", "reductionist"]
DIALECTS = ("v1", "v2")


class Servers:
    """The built programs, the store's URL, the service's address, the URL of what answers about variables, and the root of
    its files; conftest.py starts them."""

    programs: Programs
    store: str
    service: str
    variables: str
    file_root: Path


ONE = {"dtype": "int64", "byte-order": "little", "shape": "[]", "count": "1"}
ONE = (200, {f"x-activestorage-{name}": value for name, value in ONE.items()}, (1).to_bytes(8, "little"))


# --- The client ----------------------------------------------------------------------------------------------


def run(*arguments, stdin="", **options):
    """The client with a command line that need not make sense: in this process, which is faster, or with other options
    of a process in one of its own."""
    if not options:
        return run_here(arguments, stdin)
    command = [*CLIENT, *map(str, arguments)]
    options = {"env": environment(), "input": stdin} | options
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def run_here(arguments, stdin):
    """The client in this process."""
    output, errors = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = main([*map(str, arguments)], {})
    except SystemExit as error:
        status = error.code
    finally:
        sys.stdin = before
    return subprocess.CompletedProcess(arguments, status, output.getvalue(), errors.getvalue())


def url(key="temperature.nc", bucket="public"):
    return f"{Servers.store}/{bucket}/{key}"


def at_service(*arguments, api="v2"):
    return ["--server", f"http://{Servers.service}", "--api", api, *arguments]


def without_version(answer):
    """What was answered, but for the version of the object."""
    answer.pop("etag", None)
    return answer


class TestCase(unittest.TestCase):
    """With the ways in which a run of the client can end."""

    maxDiff = None

    def answer(self, *arguments, **options):
        """What the client prints as JSON, having nothing to complain about."""
        done = run(*arguments, "--json", **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return without_version(json.loads(done.stdout))

    def printed(self, *arguments, **options):
        """What the client prints for humans, having nothing to complain about."""
        done = run(*arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def failure(self, *arguments, **options):
        """The lines of an error that is not the fault of the command line."""
        done = run(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stderr.splitlines()

    def refusal(self, *arguments, **options):
        """The one line that says what is wrong with the command line."""
        done = run(*arguments, **options)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        (line,) = done.stderr.splitlines()
        return line
