"""What keeps a question from having a result, and how that is told."""

import email.utils
import itertools
import json
import queue
import signal
import socket
import subprocess
import time

from data import of_chunk
from harness.places import SAMPLE
from harness.processes import START_SECONDS, STOP_SECONDS, environment, free_port, process
from harness.stores import ACCESS_KEY, SECRET_KEY
from harness.stub import stub
from reductionist.options import PROGRAM
from running import CLIENT, DIALECTS, ONE, TestCase, run, url


class Errors(TestCase):
    def test_every_cause_that_the_service_names_is_shown(self):
        for api, operation in itertools.product(DIALECTS, ("count", "mean")):
            arguments = ["--axis", "5,1,1", "--missing-value", "1e60", "--size", 0]
            lines = self.failure(operation, *of_chunk(*arguments, api=api))
            self.assertEqual(lines[0], f"{PROGRAM}: error 400: the request data is not valid")
            for cause in (
                "axis: 5 is outside a shape of 3 dimensions; 1 is there more than once",
                "missing: 1e60 is not a value of float32",
                "size: must be at least 1 byte; a chunk that was never written needs fill_value",
            ):
                self.assertIn(f"  caused by: {cause}", lines)
            self.assertEqual(len(lines), 4)

    def test_errors_of_the_store_are_shown(self):
        missing, wrong_bucket = url("nowhere.nc"), url(bucket="nowhere")
        private = ["--url", url(bucket="private")]
        for api, (arguments, texts) in itertools.product(
            DIALECTS,
            (
                (["--url", missing], ("error 400", "NoSuchKey")),
                (
                    ["--url", wrong_bucket, "--user", ACCESS_KEY, "--password", SECRET_KEY],
                    ("error 400", "NoSuchBucket"),
                ),
                (private, ("error 401", "Access Denied", "AccessDenied")),
                ([*private, "--user", ACCESS_KEY, "--password", "é"], ("error 401", "SignatureDoesNotMatch")),
                ([*private, "--user", "nobody", "--password", "é"], ("error 401", "InvalidAccessKeyId")),
                (["--offset", 10**9], ("error 400", "range")),
                (["--url", f"http://127.0.0.1:{free_port()}/public/key"], ("error 502",)),
            ),
        ):
            with self.subTest(arguments, api=api):
                message = "\n".join(self.failure("sum", *of_chunk(*arguments, api=api)))
                for text in texts:
                    self.assertIn(text, message)

    def test_a_service_that_is_not_there_is_an_error(self):
        server = f"http://127.0.0.1:{free_port()}"
        lines = self.failure("sum", *of_chunk("--server", server))
        self.assertEqual(lines[0], f"{PROGRAM}: no answer from {server}")
        self.assertRegex(lines[1], "^  caused by: .*refused")

    def test_a_service_that_is_silent_is_an_error_after_the_timeout(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = f"http://127.0.0.1:{silent.getsockname()[1]}"
            (line,) = self.failure("sum", *of_chunk("--server", server, "--timeout", "0.2"))
        self.assertEqual(line, f"{PROGRAM}: no answer from {server} within 0.2 s (--timeout)")

    def test_interrupted_it_ends_at_once(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(START_SECONDS)
            server = f"http://127.0.0.1:{silent.getsockname()[1]}"
            chunks = SAMPLE.with_suffix(".json")
            command = [*CLIENT, "sum", "--url", url(), "--chunks", chunks]
            with process([*command, "--server", server], stderr=subprocess.PIPE) as started:
                with silent.accept()[0]:  # it asks
                    started.send_signal(signal.SIGINT)
                    self.assertEqual((started.wait(STOP_SECONDS), started.stderr.read()), (130, ""))
                started.stderr.close()

    def lines_for(self, status, headers, content, api="v2"):
        with stub(lambda: (status, headers, content)) as server:
            return self.failure("sum", *of_chunk("--server", server.url, api=api))

    def test_an_overloaded_service_says_when_to_come_back(self):
        content = json.dumps({"error": {"message": "overloaded"}}).encode()
        lines = self.lines_for(503, {"Retry-After": "70"}, content)
        self.assertEqual(lines, [f"{PROGRAM}: error 503: overloaded", "  caused by: try again after: 70 s"])

    def answers_after(self, *refusals, arguments=()):
        """How often the service is asked that refuses first with these headers, and how the client ends."""
        replies = iter([(503, headers, b"") for headers in refusals])
        with stub(lambda: next(replies, ONE)) as server:
            begin = time.monotonic()
            done = run("sum", *of_chunk("--server", server.url, *arguments, api="v1"))
            return len(server.seen), done.returncode, time.monotonic() - begin

    def test_an_overloaded_service_is_asked_again_when_it_says_so(self):
        now = email.utils.formatdate(usegmt=True)
        asked, status, took = self.answers_after({"Retry-After": "0"}, {"Retry-After": "1"}, {"Retry-After": now})
        self.assertEqual((asked, status), (4, 0))
        self.assertGreater(took, 1)

    def test_an_overloaded_service_is_asked_again_within_a_bound(self):
        for headers, arguments in (
            ({}, []),
            ({"Retry-After": "soon"}, []),
            ({"Retry-After": "1"}, ["--retry-for", 0]),
            ({"Retry-After": "3600"}, []),
            ({"Retry-After": "9" * 400}, []),
        ):
            with self.subTest(headers=headers, arguments=arguments):
                self.assertEqual(self.answers_after(headers, arguments=arguments)[:2], (1, 1))

    def test_nobody_waits_for_an_overloaded_service_once_another_chunk_has_failed(self):
        chunks = [{"offset": 0, "size": 8}, {"offset": 8, "size": 8}]
        replies = queue.SimpleQueue()
        replies.put((503, {"Retry-After": "30"}, b""))
        replies.put((400, {}, b""))
        with stub(replies.get_nowait) as server:
            place = ["--server", server.url, "--url", "http://store/bucket/key", "--dtype", "int64", "--chunks", "-"]
            begin = time.monotonic()
            lines = self.failure("sum", *place, stdin=json.dumps(chunks), env=environment())
            self.assertIn("error 400", lines[0])
            self.assertLess(time.monotonic() - begin, START_SECONDS)

    def test_an_object_that_was_replaced_is_told_as_that(self):
        content = json.dumps({"error": {"message": "the store has another version"}}).encode()
        lines = self.lines_for(412, {}, content)
        self.assertEqual(
            lines,
            [
                f"{PROGRAM}: error 412: the object was replaced: make the chunk file anew",
                "  caused by: the store has another version",
            ],
        )

    def test_chunks_of_two_versions_of_an_object_make_no_result(self):
        versions = itertools.cycle(["1", "1", "2"])

        def reply():
            status, headers, content = ONE
            return status, headers | {"x-activestorage-etag": next(versions)}, content

        chunks = [{"offset": 8 * index, "size": 8} for index in range(3)]
        with stub(reply) as server:
            place = ["--server", server.url, "--api", "v1", "--dtype", "int64", "--chunks", "-", "--threads", 1]
            lines = self.failure("sum", *place, "--url", "http://store/bucket/key", stdin=json.dumps(chunks))
            self.assertEqual(
                lines,
                [
                    f"{PROGRAM}: the object was replaced while its chunks were read: make the chunk file anew",
                    "  caused by: chunk 2 (offset 16) is of 2, chunks before it are of 1",
                ],
            )
            for chunk, key in zip(chunks, "aab"):
                chunk["url"] = f"http://store/bucket/{key}"
            done = run("sum", *place, "--json", stdin=json.dumps(chunks))
            self.assertEqual((done.returncode, json.loads(done.stdout)["result"]), (0, 3))

    def test_the_version_that_was_read_is_told(self):
        with stub(lambda: (200, ONE[1] | {"x-activestorage-etag": '"abc"'}, ONE[2])) as server:
            done = run("sum", *of_chunk("--server", server.url, "--etag", '"abc"', "--json", api="v1"))
            self.assertEqual(json.loads(done.stdout)["etag"], '"abc"')
            self.assertEqual(server.seen[0].fields["etag"], '"abc"')

    def test_errors_of_others_than_the_service_are_shown(self):
        page = b"<html><body><h1>502 Bad Gateway</h1>\n</body></html>\n"
        lines = self.lines_for(502, {"Content-Type": "text/html"}, page)
        self.assertEqual(
            lines, [f"{PROGRAM}: error 502: Bad Gateway", "  caused by: <html><body><h1>502 Bad Gateway</h1>"]
        )

    def test_what_is_no_answer_of_the_service_is_an_error(self):
        for api, headers, content in (
            ("v1", {}, b"hello"),
            ("v1", ONE[1] | {"x-activestorage-shape": "[2]"}, ONE[2]),
            ("v1", ONE[1] | {"x-activestorage-count": "[1"}, ONE[2]),
            ("v1", ONE[1] | {"x-activestorage-count": "18446744073709551616"}, ONE[2]),
            ("v1", ONE[1] | {"x-activestorage-dtype": "datetime64[s]"}, ONE[2]),
            ("v2", {}, b""),
            ("v2", {}, b"\xa1"),
            ("v2", {}, b"\xa0"),
            ("v2", {}, b"hello"),
        ):
            with self.subTest(api=api, content=content):
                lines = self.lines_for(200, headers, content, api)
                self.assertRegex(lines[0], f"^{PROGRAM}: http://127.0.0.1:[0-9]+ gave no answer of Reductionist$")
                self.assertEqual(len(lines), 2)

    def test_a_message_does_not_control_the_terminal(self):
        content = json.dumps({"error": {"message": "\x1b[2Jgone\r", "caused_by": ["a\nb"]}}).encode()
        lines = self.lines_for(400, {}, content)
        self.assertEqual(lines, [f"{PROGRAM}: error 400:  [2Jgone ", "  caused by: a b"])
