"""No output shows a password; nobody gets one, or is believed, who should not."""

import json
import os
import shlex
import tempfile
from pathlib import Path

from data import CHUNK, MISSING, of_chunk, of_numpy
from harness.places import SAMPLE
from harness.processes import certificate, environment
from harness.service import service
from harness.stores import ACCESS_KEY, SECRET_KEY
from harness.stub import stub
from reductionist.options import PROGRAM
from running import ONE, Servers, TestCase, at_service, run, url


class Secrets(TestCase):
    """No output shows a password; nobody gets one who should not."""

    secret = SECRET_KEY

    def assert_hidden(self, *arguments, status, **options):
        done = run(*arguments, **options)
        self.assertIn(done.returncode, (0, 1) if status is None else (status,), done.stderr)
        self.assertNotIn(self.secret, done.stdout + done.stderr)

    def test_no_output_shows_a_password(self):
        user = ["--user", "somebody", "--password", self.secret]
        private = of_chunk("--url", url(bucket="private"))
        web = of_chunk("--interface", "http")
        whole = at_service("--url", url(bucket="private"), "--chunks", SAMPLE.with_suffix(".json"))
        for status, arguments in (
            (0, ["sum", *private, "--user", ACCESS_KEY, "--password", self.secret, "--timing"]),
            (1, ["sum", *private, *user]),
            (1, ["sum", *private, *user, "--server", "http://127.0.0.1:1"]),
            (1, ["sum", *whole, *user, "--progress"]),
            (2, ["sum", *private, "--password", self.secret]),
            (2, ["sum", *private, "--pasword", self.secret]),
            (2, ["sum", *private, f"--pasword={self.secret}"]),
            (2, ["--pasword", self.secret, "sum", *private]),
            (2, ["--user", "somebody", self.secret, "sum", *private]),
            (2, ["--user", "somebody", self.secret]),
            (2, ["sum", *private, "--user", "somebody", self.secret]),
            (2, ["sum", *private, "--user", f"somebody:{self.secret}", "--password", "x"]),
            (2, ["sum", *private, *user, "--colour", "blue"]),
            (2, ["sum", *private, *user, "--session-token", f"{self.secret}\n"]),
            (None, ["sum", *web, "--bearer-token", self.secret, "--token", self.secret]),
            (1, ["sum", *web, "--bearer-token", self.secret, "--server", "http://127.0.0.1:1"]),
            (2, ["sum", *web, "--bearer-token", f"{self.secret}\n"]),
            (2, ["sum", *web, "--bearer-token", f" {self.secret}"]),
            (2, ["sum", *web, *user, "--bearer-token", self.secret]),
            (2, ["sum", *private, "--bearer-token", self.secret]),
            (2, ["sum", *private, "--token", f"{self.secret}é"]),
            (2, ["sum", *private, "--server", f"http://somebody:{self.secret}@127.0.0.1:1"]),
            (2, ["sum", *private, "--api", "v1", "--url", f"http://somebody:{self.secret}@store/bucket"]),
        ):
            with self.subTest(arguments):
                self.assert_hidden(*arguments, status=status)

    def test_no_output_shows_secrets_of_the_environment(self):
        secrets = environment(REDUCTIONIST_PASSWORD=self.secret, REDUCTIONIST_SESSION_TOKEN=self.secret)
        self.assert_hidden("--help", status=0, env=secrets)
        self.assert_hidden("sum", *of_chunk(), status=0, env=secrets)
        self.assert_hidden("sum", *of_chunk("--user", "somebody"), status=1, env=secrets)
        broken = secrets | {"REDUCTIONIST_SESSION_TOKEN": f"{self.secret}\x07"}
        self.assert_hidden("sum", *of_chunk("--user", "somebody"), status=2, env=broken)

    def headers(self, *arguments, reply=ONE, **options):
        """The headers that reach the service."""
        with stub(lambda: reply) as server:
            run("sum", *of_chunk("--server", server.url, *arguments, api="v1"), **options)
        (seen,) = server.seen
        return seen.headers

    def test_credentials_reach_the_service_as_they_are_typed(self):
        secrets = environment(REDUCTIONIST_PASSWORD="pässwörd", REDUCTIONIST_SESSION_TOKEN="token/+=")
        headers = self.headers("--user", "José", env=secrets)
        self.assertEqual(headers["Authorization"], "Basic Sm9zw6k6cMOkc3N3w7ZyZA==")
        self.assertEqual(headers["x-amz-security-token"], "token/+=")
        no_utf8 = self.headers("--user", "u", "--password", os.fsdecode(b"\xff"))
        self.assertEqual(no_utf8["Authorization"], "Basic dTr/")

    def test_a_bearer_token_is_for_the_web_server_that_has_the_object(self):
        secrets = environment(REDUCTIONIST_BEARER_TOKEN="a.b-c", REDUCTIONIST_SERVICE_TOKEN="open-sesame")
        on_web = ["--api", "v2", "--interface", "https", "--url", "https://data.example/a.nc"]
        for arguments, expected in (
            (on_web, "Bearer a.b-c"),
            ([*on_web, "--bearer-token", "d/e+f="], "Bearer d/e+f="),
            ([*on_web, "--user", "u", "--password", "p"], "Basic dTpw"),
            ([], None),
        ):
            with self.subTest(arguments):
                headers = self.headers(*arguments, env=secrets)
                self.assertEqual(headers["Authorization"], expected)
                self.assertEqual(headers["x-reductionist-token"], "open-sesame")
        self.assertEqual(self.headers("--token", "other", env=secrets)["x-reductionist-token"], "other")
        self.assertEqual(self.headers(*on_web)["Authorization"], None)

    def test_a_bearer_token_goes_to_one_web_server_only(self):
        chunks = [{"url": f"https://{host}.example/a", "origin": [4 * n]} for n, host in enumerate("ab")]
        content = json.dumps({"shape": [8], "chunk_shape": [4], "dtype": "int8", "chunks": chunks})
        arguments = at_service("--interface", "https", "--chunks", "-", "--bearer-token", self.secret)
        line = self.refusal("sum", *arguments, stdin=content)
        self.assertIn("a bearer token is for one web server, but the chunks are on several", line)

    def test_the_service_is_told_that_who_asks_pays(self):
        self.assertEqual(self.headers("--requester-pays")["x-amz-request-payer"], "requester")
        self.assertEqual(self.headers()["x-amz-request-payer"], None)

    def test_a_service_that_wants_a_token_gets_it(self):
        with tempfile.NamedTemporaryFile("w") as tokens:
            tokens.write("open-sesame\n")
            tokens.flush()
            with service(Servers.programs, "--auth-token-file", tokens.name) as server:
                there = of_chunk(*MISSING, "--server", server.url)
                self.assertEqual(self.answer("count", *there, "--token", "open-sesame"), of_numpy("count", CHUNK))
                in_environment = environment(REDUCTIONIST_SERVICE_TOKEN="open-sesame")
                self.assertEqual(self.answer("count", *there, env=in_environment), of_numpy("count", CHUNK))
                self.assertIn("error 401", self.failure("count", *there)[0])

    def test_options_win_over_the_environment(self):
        secrets = environment(REDUCTIONIST_PASSWORD="not this", REDUCTIONIST_SESSION_TOKEN="not this")
        headers = self.headers(*shlex.split("--user José --password pässwörd --session-token that"), env=secrets)
        self.assertEqual(headers["Authorization"], "Basic Sm9zw6k6cMOkc3N3w7ZyZA==")
        self.assertEqual(headers["x-amz-security-token"], "that")

    def test_without_a_user_nothing_is_sent_from_the_environment_or_netrc(self):
        with tempfile.TemporaryDirectory() as home:
            netrc = Path(home, ".netrc")
            netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
            netrc.chmod(0o600)
            secrets = {"REDUCTIONIST_PASSWORD": self.secret, "REDUCTIONIST_SESSION_TOKEN": self.secret}
            secrets["REDUCTIONIST_BEARER_TOKEN"] = self.secret
            headers = self.headers(env=environment(HOME=home, NETRC=str(netrc), **secrets))
        self.assertEqual((headers["Authorization"], headers["x-amz-security-token"]), (None, None))

    def test_a_redirection_is_not_followed(self):
        with stub(lambda: ONE) as elsewhere, stub(lambda: (307, {"Location": elsewhere.url}, b"")) as server:
            user = ["--user", "somebody", "--password", self.secret]
            lines = self.failure("sum", *of_chunk("--server", server.url, *user))
            self.assertEqual(lines, [f"{PROGRAM}: error 307: Temporary Redirect"])
            self.assertEqual(elsewhere.seen, [])


class Certificates(TestCase):
    def test_a_service_is_believed_if_its_certificate_is(self):
        with tempfile.TemporaryDirectory() as directory:
            chain, key = certificate(Path(directory))
            with service(Servers.programs, "--https", "--cert-file", chain, "--key-file", key) as there:
                server = ["--server", there.url]
                expected = of_numpy("count", CHUNK)
                bundle = environment(REQUESTS_CA_BUNDLE=os.devnull, CURL_CA_BUNDLE=os.devnull)
                for trust in (["--cacert", chain], ["--insecure"]):
                    self.assertEqual(self.answer("count", *of_chunk(*MISSING, *server, *trust)), expected)
                    self.assertEqual(self.answer("count", *of_chunk(*MISSING, *server, *trust), env=bundle), expected)
                lines = self.failure("count", *of_chunk(*server))
                self.assertEqual(lines[0], f"{PROGRAM}: no answer from {there.url}")
                self.assertIn("certificate verify failed", lines[1])
        self.assertIn("exclude each other", self.refusal("sum", *of_chunk("--insecure", "--cacert", __file__)))
