"""What the client prints."""

import contextlib
import json
import os
import pty
import re
import shlex
import subprocess
import termios

from data import CHUNK, MISSING, of_chunk, of_file, of_numpy
from harness.places import ROOT, SAMPLE
from harness.processes import process
from reductionist.fields import OPERATIONS
from reductionist.options import PROGRAM
from running import CLIENT, DIALECTS, Servers, TestCase, at_service, run, url


class Printed(TestCase):
    def test_a_number_comes_with_its_count_dtype_and_shape(self):
        printed = self.printed("sum", *of_chunk(*MISSING))
        self.assertEqual(printed, "sum     521258.38\ncount   1903\ndtype   float32\nshape   []\n")

    def test_an_array_is_printed_with_every_digit(self):
        printed = self.printed("mean", *of_chunk(*MISSING, "--axis", "1,2"))
        means = of_numpy("mean", CHUNK, (1, 2))["result"]
        lines = [f"[{' '.join(map(repr, means))}]", "count", "[476 476 476 475]", "dtype   float64", "shape   [4]"]
        self.assertEqual(printed.splitlines(), ["mean", *lines])
        printed = run("select", *of_file("special.bin")).stdout
        self.assertEqual(printed.split()[1:7], ["[", "nan", "inf", "-inf", "1.5", "-0.3333333333333333]"])

    def test_nothing_is_printed_as_nothing(self):
        for operation, shown in (("min", "--"), ("mean", "--"), ("sum", "0.0")):
            lines = run(operation, *of_chunk("--valid-min", "1e25")).stdout.splitlines()
            self.assertEqual([line.split()[1] for line in lines[:2]], [shown, "0"])

    def told(self, *arguments, **options):
        """What people are told beside a result."""
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, 0)
        return done.stderr.splitlines()

    def test_people_are_told_that_everything_was_missing(self):
        nothing = of_chunk("--valid-min", "1e25")
        for operation in OPERATIONS:
            with self.subTest(operation):
                (line,) = self.told(operation, *nothing)
                self.assertEqual(line, f"{PROGRAM}: no element is left: all of them are missing, or none is selected")
                self.assertIs(self.answer(operation, *nothing)["all_missing"], True)
        whole = at_service("--url", url(), "--chunks", SAMPLE.with_suffix(".json"), "--valid-min", "1e25")
        self.assertEqual(len(self.told("mean", *whole)), 1)
        self.assertIs(self.answer("mean", *whole)["all_missing"], True)

    def test_people_are_told_of_results_without_elements(self):
        empty = int((CHUNK.count(axis=0) == 0).sum())
        (line,) = self.told("mean", *of_chunk(*MISSING, "--axis", 0))
        self.assertEqual(line, f"{PROGRAM}: of {empty} of 600 results no element is left")

    def test_people_are_told_of_nan(self):
        for operation in ("min", "sum", "mean"):
            (line,) = self.told(operation, *of_file("special.bin"))
            self.assertIn("the result is NaN: ", line)
            self.assertIs(self.answer(operation, *of_file("special.bin"))["nan"], True)
        (line,) = self.told("select", *of_file("special.bin"))
        self.assertEqual(line, f"{PROGRAM}: 1 of 5 elements are NaN")
        (line,) = self.told("max", *of_file("special.bin", "--shape", 5, "--axis", "[]"))
        self.assertIn("1 of 5 results are NaN: ", line)
        chunks = json.dumps([{"offset": 0, "size": 16}, {"offset": 24, "size": 8}])
        arguments = of_file("special.bin", "--chunks", "-")
        self.assertIn("the result is NaN: ", self.told("max", *arguments, stdin=chunks)[0])
        self.assertEqual(self.told("max", *arguments, "--missing-value", "NaN", stdin=chunks), [])

    def test_timing_shows_time_and_bytes(self):
        for api in DIALECTS:
            *_, line = self.printed("sum", *of_chunk("--timing", api=api)).splitlines()
            time, received = re.fullmatch(r"time    (\d+\.\d) ms, (\d+) bytes received", line).groups()
            self.assertGreater(float(time), 0)
            self.assertTrue(received == "4" if api == "v1" else 4 < int(received) < 200, received)
        answer = self.answer("sum", *of_chunk("--timing", api="v1"))
        self.assertEqual((type(answer["seconds"]), answer["bytes_received"]), (float, 4))

    def test_a_reader_that_goes_away_is_no_reason_to_complain(self):
        command = [*CLIENT, "select", "--json", *map(str, of_chunk())]
        with process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
            started.stdout.close()
            self.assertEqual(started.stderr.read(), "")
            started.stderr.close()

    def test_the_examples_of_the_help_work(self):
        help_text = self.printed("--help")
        text = help_text.partition("examples:")[2].partition("Exit status")[0].replace("\\\n", " ")
        commands = [shlex.split(line)[1:] for line in text.splitlines() if line.startswith(f"  {PROGRAM}")]
        self.assertEqual(len(commands), 4)
        for command in commands:
            command = [argument.replace("http://127.0.0.1:9000", Servers.store) for argument in command]
            done = run(*command, "--server", f"http://{Servers.service}", cwd=ROOT)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(help_text.index("examples:"), help_text.index("--server"))


class Progress(TestCase):
    arguments = ["count", "--chunks", SAMPLE.with_suffix(".json"), "--json"]

    def on_a_terminal(self, *arguments):
        """What the client writes to a terminal as its standard error."""
        terminal, its_end = pty.openpty()
        termios.tcsetwinsize(its_end, (24, 80))
        command = [*CLIENT, *self.arguments, *at_service("--url", url(), *arguments)]
        with process(map(str, command), stdout=subprocess.PIPE, stderr=its_end) as started:
            os.close(its_end)
            shown = b""
            with contextlib.suppress(OSError):  # the end, on Linux
                while part := os.read(terminal, 4096):
                    shown += part
            os.close(terminal)
            self.assertEqual(json.loads(started.stdout.read())["count"], 20529)
            started.stdout.close()
        return shown.decode()

    def test_a_bar_is_shown_on_a_terminal(self):
        self.assertRegex(self.on_a_terminal(), r"(?s)count: +0%.* 0/12 .*count: 100%.* 12/12 ")

    def test_no_bar_is_shown_on_a_terminal_if_that_is_said(self):
        self.assertEqual(self.on_a_terminal("--no-progress"), "")

    def test_a_bar_is_shown_elsewhere_only_if_that_is_said(self):
        arguments = [*self.arguments, *at_service("--url", url())]
        self.assertEqual(run(*arguments).stderr, "")
        self.assertIn("12/12", run(*arguments, "--progress").stderr)
