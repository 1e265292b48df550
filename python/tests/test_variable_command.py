"""The command reductionist-client about variables."""

import json
import shlex

import netCDF4
import numpy as np

from harness.places import ROOT, SAMPLE
from harness.processes import environment, free_port
from harness.stub import stub
from reductionist.options import PROGRAM
from running import Servers, TestCase, run

URL = f"s3://public/{SAMPLE.name}"
SECRET = "never-to-be-seen"


def asked(*arguments):
    return [*arguments, "--server", Servers.variables, "--endpoint", Servers.store]


def firsts(lines):
    """What rows begin with."""
    return [line.split()[0] for line in lines]


class OfVariables(TestCase):
    @classmethod
    def setUpClass(cls):
        with netCDF4.Dataset(SAMPLE) as file:
            cls.tas = file["tas"][:].astype("f8")

    def object(self, *arguments):
        """What is printed for machines."""
        return json.loads(self.printed(*asked(*arguments), "--json"))

    def test_one_number_stands_behind_its_name(self):
        lines = self.printed(*asked("max,count", URL, "tas")).splitlines()
        self.assertEqual(lines[:2], [f"max     {self.tas.max()}", f"count   {self.tas.count()}"])
        self.assertRegex(lines[-1], "^of one number; read [0-9]+ chunks, .* in [0-9]+ requests")

    def test_one_dimension_is_a_table(self):
        lines = self.printed(*asked("mean,count", URL, "tas", "--axis", "lat,lon")).splitlines()
        self.assertEqual(lines[0].split(), ["time", "mean", "count"])
        rows = [line.split() for line in lines[1:13]]
        self.assertEqual([row[0] for row in rows], [str(index) for index in range(12)])
        np.testing.assert_allclose([float(row[1]) for row in rows], self.tas.mean(axis=(1, 2)), rtol=1e-13)
        self.assertIn("of time 12; read", lines[-1])

    def test_a_long_table_lacks_its_middle_and_json_lacks_nothing(self):
        lines = self.printed(*asked("max", URL, "tas", "--axis", "0,1")).splitlines()
        self.assertIn("…", lines[21])
        self.assertEqual(lines[41].split()[0], "49")
        self.assertEqual(len(self.object("max", URL, "tas", "--axis", "0,1")["statistics"]["max"]), 50)

    def test_several_dimensions_are_an_array(self):
        printed = self.printed(*asked("max", URL, "tas", "--axis", "time"))
        self.assertTrue(printed.startswith("max\n[["))
        self.assertIn("of lat 40 × lon 50; read", printed)

    def test_json_has_statistics_and_what_they_are_of(self):
        found = self.object("mean,var", URL, "tas", "--axis", "time", "--keepdims", "--ddof", "1")
        self.assertEqual((found["dims"], found["shape"]), (["time", "lat", "lon"], [1, 40, 50]))
        got = np.array(found["statistics"]["var"], float)[0]
        np.testing.assert_allclose(got, self.tas.var(axis=0, ddof=1).filled(np.nan), rtol=1e-12)
        self.assertTrue(found["etag"])
        self.assertIn("chunks", found["read"])

    def test_selections_are_by_dimension(self):
        chosen = ["--select", "time=::-2", "--select=lat=3", "--select", "lon=[0,5,5]"]
        found = self.object("max", URL, "tas", "--axis", "lon", *chosen)
        part = self.tas[::-2, 3][:, [0, 5, 5]]
        self.assertEqual(found["statistics"]["max"], part.max(axis=1).tolist())
        values = self.object("select", URL, "tas", *chosen)["values"]
        self.assertEqual(values, part.filled(np.float32(1e20)).tolist())

    def test_options_may_stand_before_the_url(self):
        found = self.object("max", "--axis", "time", "--keepdims", URL, "tas")
        self.assertEqual(found["shape"], [1, 40, 50])

    def test_what_is_missing_can_be_said(self):
        self.assertEqual(self.object("count", URL, "tas", "--no-missing")["statistics"]["count"], self.tas.size)
        cold = self.object("count", URL, "tas", "--valid-max", "260")["statistics"]["count"]
        self.assertEqual(cold, int((self.tas.filled(np.inf) <= 260).sum()))

    def test_weights_are_those_of_a_variable_or_the_cosine_of_a_latitude(self):
        with netCDF4.Dataset(SAMPLE) as file:
            lat = file["lat"][:].astype("f8")
        weights = np.broadcast_to(np.cos(np.deg2rad(lat))[:, None], self.tas.shape)
        found = self.object("mean", URL, "tas", "--weights", "cos(lat)", "--axis", "lat,lon")["statistics"]["mean"]
        np.testing.assert_allclose(found, np.ma.average(self.tas, axis=(1, 2), weights=weights), rtol=1e-13)
        part = self.object("mean", URL, "tas", "--weights", "cos(lat)", "--select", "lat=20:30")["statistics"]["mean"]
        expected = np.ma.average(self.tas[:, 20:30], weights=weights[:, 20:30])
        np.testing.assert_allclose(part, expected, rtol=1e-13)
        of_variable = self.object("sum_of_weights", URL, "tas", "--weights", "lon")["statistics"]["sum_of_weights"]
        with netCDF4.Dataset(SAMPLE) as file:
            lon = np.broadcast_to(file["lon"][:], self.tas.shape)
        self.assertAlmostEqual(of_variable, float(np.ma.masked_where(self.tas.mask, lon).sum()), 6)

    def test_times_are_grouped_by_month_season_and_year(self):
        found = self.object("max", URL, "tas", "--groups", "time.season", "--axis", "lat,lon")
        self.assertEqual((found["dims"], found["shape"]), (["time"], [4]))
        self.assertEqual(found["groups"], {"time": ["DJF", "MAM", "JJA", "SON"]})
        highest = self.tas.max(axis=(1, 2))
        expected = [highest[[11, 0, 1]].max(), *(highest[at : at + 3].max() for at in (2, 5, 8))]
        self.assertEqual(found["statistics"]["max"], expected)
        lines = self.printed(*asked("max", URL, "tas", "--groups", "time.month")).splitlines()
        self.assertEqual(firsts(lines[:4]), ["time", "Jan", "Feb", "Mar"])
        self.assertEqual(firsts(lines[12:13]), ["Dec"])
        part = self.object("count", URL, "tas", "--groups", "time.year", "--select", "time=3:9")
        self.assertEqual(part["groups"], {"time": ["2001"]})
        self.assertEqual(part["statistics"]["count"], [int(self.tas[3:9].count())])

    def test_quantiles_and_histograms_have_their_options(self):
        found = self.object("quantile,median", URL, "tas", "--quantile", "0.1,0.9")["statistics"]
        values = self.tas.compressed()
        self.assertEqual(found["quantile"], np.quantile(values, [0.1, 0.9]).tolist())
        self.assertEqual(found["median"], float(np.median(values)))
        warm = self.object("histogram", URL, "tas", "--bins", "300,inf")["statistics"]["histogram"]
        self.assertEqual(warm, [int((values >= 300).sum())])
        equal = self.object("histogram", URL, "tas", "--bins", "5", "--range", "200,320")["statistics"]["histogram"]
        self.assertEqual(equal, np.histogram(values, 5, (200, 320))[0].tolist())

    def test_a_file_is_described(self):
        lines = self.printed(*asked("describe", URL)).splitlines()
        self.assertIn("hdf5", lines[0])
        (tas,) = (line for line in lines if line.startswith("tas "))
        self.assertRegex(tas, "float32 +time 12 × lat 40 × lon 50 +chunks of 4 × 20 × 30")
        self.assertIn(":units = 'K'", self.printed(*asked("describe", URL, "tas")))
        self.assertEqual(self.object("describe", URL)["variables"]["tas"]["shape"], [12, 40, 50])

    def test_the_examples_of_the_help_work(self):
        text = self.printed("describe", "--help")
        text = text.partition("examples:")[2].partition("Exit status")[0].replace("\\\n", " ")
        commands = [shlex.split(line)[1:] for line in text.splitlines() if line.startswith(f"  {PROGRAM}")]
        self.assertEqual(len(commands), 5)
        for command in commands:
            self.printed(*asked(*command), cwd=ROOT)

    def test_endpoint_and_credentials_come_from_the_environment(self):
        reply = 401, {}, b"{}"
        secrets = environment(REDUCTIONIST_ENDPOINT="http://store:1", REDUCTIONIST_PASSWORD=SECRET)
        with stub(lambda: reply) as server:
            done = run("mean", URL, "tas", "--server", server.url, "--user", "key", env=secrets)
            self.assertEqual(server.seen[0].fields["url"], f"http://store:1/public/{SAMPLE.name}")
            self.assertTrue(server.seen[0].headers["Authorization"].startswith("Basic "))
        self.assertEqual(done.returncode, 1)
        self.assertNotIn(SECRET, done.stdout + done.stderr)

    def test_an_error_is_one_line(self):
        (line,) = self.failure(*asked("mean", URL, "tass"))
        self.assertRegex(line, f'^{PROGRAM}: error 404: there is no variable "tass"; did you mean "tas"')
        (line,) = self.failure(
            "mean", URL, "tas", "--server", f"http://127.0.0.1:{free_port()}", "--endpoint", "http://a"
        )
        self.assertRegex(line, f"^{PROGRAM}: no answer from .*; .*refused")

    def test_a_bar_is_shown_elsewhere_than_on_a_terminal_only_if_that_is_said(self):
        self.assertEqual(run(*asked("mean", URL, "tas")).stderr, "")
        self.assertIn("reduce", run(*asked("mean", URL, "tas", "--progress")).stderr)

    def test_wrong_usage_is_one_clear_line(self):
        for arguments, text in (
            (["mean", URL], "VARIABLE is required"),
            (["mode", URL, "tas"], "there is no statistic mode; there are count"),
            (["mean,describe", URL, "tas"], "describe and select stand alone"),
            (["mean", URL, "tas", "more"], "there is an argument without an option"),
            (["mean", URL, "tas", "--colour", "blue"], "there is no option --colour"),
            (["mean", URL, "tas", "--select", "time"], "'time' is not DIM=PART"),
            (["mean", URL, "tas", "--select", "time=a:b"], "'a:b' is not an index"),
            (["mean", URL, "tas", "--select", "time=1", "--select", "time=2"], "twice for one dimension"),
            (["mean", URL, "tas", "--ddof", "1"], "--ddof is for var and std"),
            (["mean", URL, "tas", "--quantile", "0.5"], "--quantile is for quantile"),
            (["quantile", URL, "tas"], "quantile needs --quantile"),
            (["histogram", URL, "tas", "--range", "0,1"], "histogram needs --bins"),
            (["mean", URL, "tas", "--groups", "time.week"], "'time.week' is not TIME.PERIOD"),
            (["mean", URL, "tas", "--groups", "month"], "'month' is not TIME.PERIOD"),
            (["select", URL, "tas", "--weights", "lat"], "select has no use for --weights"),
            (["select", URL, "tas", "--axis", "time"], "select has no use for --axis"),
            (["describe", URL, "--select", "time=1"], "describe has no use for --select"),
            (["mean", URL, "tas", "--no-missing", "--valid-min", "3"], "exclude each other"),
            (["mean", URL, "tas", "--user", "u"], "REDUCTIONIST_PASSWORD in the environment"),
            (["mean", "ftp://a/b", "tas"], "does not begin with s3://"),
        ):
            with self.subTest(arguments):
                line = self.refusal(*asked(*arguments))
                self.assertIn(text, line)
                self.assertRegex(line, rf"^{PROGRAM}: .* \(--help explains\)$")
        self.assertIn("needs the store's address: --endpoint", self.refusal("mean", URL, "tas"))
