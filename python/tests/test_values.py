"""What the client makes of values on the command line."""

import argparse
import json
import re
import shlex

import numpy as np
import requests

from harness.processes import START_SECONDS
from reductionist import values as parse
from reductionist.errors import UsageError
from reductionist.fields import FIELDS, place_v1, place_v2, request, slices
from reductionist.fields import MISSING as MISSING_RULES
from reductionist.options import given_fields, make_parser
from running import DIALECTS, Servers, TestCase


class Values(TestCase):
    def test_a_selection_is_written_as_in_python(self):
        for text, expected in {
            "0:4,::2,3": [[0, 4, 1], [None, None, 2], 3],
            "-3:,:-1,::-1": [[-3, None, 1], [None, -1, 1], [None, None, -1]],
            "[5:2:-1, -1]": [[5, 2, -1], -1],
            "0:4:0": [[0, 4, 0]],
            "": [],
        }.items():
            with self.subTest(text):
                self.assertEqual(parse.selection(text), expected)

    def test_what_is_no_selection_is_refused(self):
        for text in ("a:b", "1:2:3:4", "1.5", "0:4;1:2", "0:4,,1", "..."):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                parse.selection(text)

    def test_an_index_selects_the_same_element_as_in_numpy(self):
        row = np.arange(5)
        for index in range(-5, 5):
            (part,) = slices([index], [5])
            self.assertEqual(row[slice(*part)].tolist(), [row[index]])

    def test_an_index_outside_the_shape_is_refused_as_in_numpy(self):
        for index in (5, -6):
            with self.subTest(index), self.assertRaisesRegex(UsageError, "dimension 1"):
                slices([[0, 1, 1], index], [4, 5])

    def test_integers_stay_integers(self):
        for text, expected in {
            "-9999": -9999,
            "18446744073709551615": 2**64 - 1,
            "9007199254740993": 2**53 + 1,
        }.items():
            number = parse.number(text)
            self.assertEqual((type(number), number), (int, expected))

    def test_numbers_with_a_fraction_or_an_exponent_are_floats(self):
        for text, expected in {"1e20": 1e20, "-0.5": -0.5, "1.": 1.0, "5e-324": 5e-324}.items():
            number = parse.number(text)
            self.assertEqual((type(number), number), (float, expected))

    def test_nan_and_infinities_are_the_strings_that_the_service_knows(self):
        texts = ["NaN", "nan", "Infinity", "inf", "+inf", "-Infinity", "-INF"]
        expected = ["NaN", "NaN", "Infinity", "Infinity", "Infinity", "-Infinity", "-Infinity"]
        self.assertEqual([parse.number(text) for text in texts], expected)

    def test_what_is_no_number_is_refused(self):
        for text in ("", "1e20x", "1,5", "0x10", "1e400", "-1e400"):
            with self.subTest(text), self.assertRaises(argparse.ArgumentTypeError):
                parse.number(text)

    def test_lists_may_stand_in_brackets_of_python(self):
        for text in ("4,20,30", "4, 20, 30", "(4, 20, 30)", "[4,20,30]"):
            self.assertEqual(parse.integers(text), [4, 20, 30])
        self.assertEqual([parse.integers(text) for text in ("(4,)", "-1", "[]", "")], [[4], [-1], [], []])

    def test_json_gets_no_number_that_it_does_not_have(self):
        values = parse.in_json([[np.nan, np.inf], [-np.inf, 1.5], 7, None])
        self.assertEqual(values, [["NaN", "Infinity"], ["-Infinity", 1.5], 7, None])

    def test_filters_keep_the_order_in_which_they_are_given(self):
        options = make_parser("").parse(
            ["sum", "--shuffle", "2", "--filter", '{"id": "delta", "dtype": "<i2"}', "--shuffle", "8"]
        )
        shuffles = [{"id": "shuffle", "element_size": size} for size in (2, 8)]
        self.assertEqual(options.filters, [shuffles[0], {"id": "delta", "dtype": "<i2"}, shuffles[1]])

    def test_values_may_begin_with_a_minus_sign(self):
        options = make_parser("").parse(
            shlex.split("sum --axis -1,-2 --selection -3:,: --missing-value -1e20 --valid-range -Infinity,-.5")
        )
        self.assertEqual((options.axis, options.selection), ([-1, -2], [[-3, None, 1], [None, None, 1]]))
        self.assertEqual((options.missing_value, options.valid_range), (-1e20, ["-Infinity", -0.5]))

    def test_every_option_reaches_the_request(self):
        options = make_parser("").parse(
            shlex.split(
                "sum --url https://store/a/b --interface https --dtype int16 --byte-order big --offset 1 --size 2"
                " --shape 3,4 --order F --selection 0:2,::2 --axis 1 --compression zlib --shuffle 2 --filter 32015"
                " --filter-mask 0b11 --missing-value 1 --missing-values 2,3 --valid-min 4 --valid-max 5 --valid-range 6,7"
                " --fill-value -8 --scale-factor 0.01 --add-offset -273.15 --unsigned --etag 'W/\"v 1\"'"
                " --result-dtype int64 --no-keepdims --shape-as-bytes --count-as-bytes --no-chunk-cache"
            )
        )
        expected = {
            "url": "https://store/a/b",
            "interface_type": "https",
            "dtype": "int16",
            "byte_order": "big",
            "offset": 1,
            "size": 2,
            "shape": [3, 4],
            "order": "F",
            "axis": [1],
            "keepdims": False,
            "selection": [[0, 2, 1], [None, None, 2]],
            "compression": {"id": "zlib"},
            "result_dtype": "int64",
            "filters": [{"id": "shuffle", "element_size": 2}, {"id": 32015}],
            "filter_mask": 3,
            "missing": {
                "missing_value": 1,
                "missing_values": [2, 3],
                "valid_min": 4,
                "valid_max": 5,
                "valid_range": [6, 7],
            },
            "fill_value": -8,
            "scale_factor": 0.01,
            "add_offset": -273.15,
            "unsigned": True,
            "etag": 'W/"v 1"',
            **{f"option_{name}": True for name in ("shape_as_bytes", "count_as_bytes", "disable_chunk_cache")},
        }
        self.assertEqual(request(given_fields(options), "sum", "v2"), expected)

    def test_zarrs_codecs_and_fill_values_are_taken_as_they_are(self):
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
        arguments = ["sum", "--codecs", json.dumps(codecs), "--fill-value", "0x7fc00000", "--no-unsigned"]
        options = make_parser("").parse(arguments)
        self.assertEqual(given_fields(options), {"codecs": codecs, "fill_value": "0x7fc00000", "unsigned": False})

    def test_there_is_an_option_for_each_field_of_the_service(self):
        options = {*vars(make_parser("").parse(["sum"]))}
        for api in DIALECTS:
            response = requests.post(f"http://{Servers.service}/{api}/sum", json={"?": 1}, timeout=START_SECONDS)
            causes = "\n".join(response.json()["error"]["caused_by"])
            of_service = {*re.search("the fields: are (.*)", causes)[1].split(", ")}
            self.assertLessEqual({"dtype", "scale_factor", "missing"}, of_service)
            self.assertEqual(of_service - {*FIELDS}, set())
            self.assertEqual(of_service - options - {"missing"}, set())
        self.assertEqual({*MISSING_RULES} - options, set())

    def test_a_url_is_split_for_the_first_dialect(self):
        fields = place_v1({"url": "https://store:9000/bu%2Dcket//a%20b/%C3%A9%23", "dtype": "int8"})
        place = {"source": "https://store:9000", "bucket": "bu-cket", "object": "a b/é#"}
        self.assertEqual(fields, place | {"dtype": "int8"})

    def test_urls_are_read_as_s3_unless_they_are_files_or_it_is_said(self):
        for place, expected in (
            ({"url": "https://store/bucket/key"}, "s3"),
            ({"url": "file:///data/a.nc"}, "file"),
            ({"url": "https://server/a.nc", "interface_type": "https"}, "https"),
        ):
            self.assertEqual(place_v2(place)["interface_type"], expected)
