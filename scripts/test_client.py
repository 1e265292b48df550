"""Tests client.py as its users run it: with the real service and an S3 store, against what NumPy makes of the data.

    python scripts/test_client.py --programs target/release      # any options of unittest, too

Needs what requirements-client.txt and requirements-client-test.txt name, `openssl`, and the built programs
`reductionist` and `examples/s3_store`.
"""

import argparse
import contextlib
import email.utils
import itertools
import json
import os
import pty
import queue
import re
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
import zlib
from pathlib import Path

import numpy as np
import requests

from check_servers import free_port
from client_harness import (
    ACCESS_KEY,
    DIALECTS,
    HERE,
    ONE,
    SECRET_KEY,
    START_SECONDS,
    STOP_SECONDS,
    Servers,
    TestCase,
    at_service,
    environment,
    process,
    run,
    service,
    store,
    stub,
    url,
    without_version,
)
from client_tests_arrays import ArrayTests, write_arrays
from reductionist_client import values as parse
from reductionist_client.errors import UsageError
from reductionist_client.fields import FIELDS, OPERATIONS, place_v1, place_v2, request, slices
from reductionist_client.fields import MISSING as MISSING_RULES
from reductionist_client.options import given_fields, make_parser

SAMPLE = HERE.parent / "examples/quickstart/temperature.nc"
DESCRIPTION = json.loads(SAMPLE.with_suffix(".json").read_text())
FILL = np.float32(1e20)
ODD_KEY = "tas 50% +é&#?.nc"  # the sample once more, under a key that has to be encoded in a URL

INTEGERS = np.array([2**62 + 1, -5, 2**53 + 1, 7, 7, -(2**63), 2**53, 0], ">i8").reshape(2, 2, 2)
UNSIGNED = np.array([2**64 - 1, 2**63, 3], "<u8")
SPECIAL = np.array([np.nan, np.inf, -np.inf, 1.5, -1 / 3], "<f8")
PACKED = np.array([-32768, 12, -3], "<i2")
FILES = {"integers.bin": INTEGERS, "unsigned.bin": UNSIGNED, "special.bin": SPECIAL, "packed.bin": PACKED}


# --- The data, and what NumPy makes of it --------------------------------------------------------------------


def decoded(chunk):
    """One storage chunk of the sample."""
    encoded = SAMPLE.read_bytes()[chunk["offset"] : chunk["offset"] + chunk["size"]]
    planes = np.frombuffer(zlib.decompress(encoded), np.uint8).reshape(4, -1)
    return np.frombuffer(planes.T.tobytes(), "<f4").reshape(DESCRIPTION["chunk_shape"])


def masked(values):
    return np.ma.array(values, mask=values == FILL)


CHUNK = masked(decoded(DESCRIPTION["chunks"][0]))


def whole_variable():
    """The array that all chunks make up."""
    array = np.empty(DESCRIPTION["shape"], "<f4")
    for chunk in DESCRIPTION["chunks"]:
        part = decoded(chunk)[tuple(slice(*parts) for parts in chunk["selection"])]
        array[tuple(slice(start, start + length) for start, length in zip(chunk["origin"], part.shape))] = part
    return masked(array)


def of_numpy(operation, data, axis=None, keepdims=False):
    """What the client should print as JSON for float32 data."""
    present = ~np.ma.getmaskarray(data)
    how = {"axis": axis, "keepdims": keepdims}
    counts = present.sum(**how)
    if operation == "select":
        values, counts = data.data, present.sum()
    elif operation == "count":
        values = counts
    elif operation == "sum":
        values = data.filled(0).sum(dtype="f8", **how).astype("f4")
    elif operation == "mean":
        values = np.ma.array(data.filled(0).sum(dtype="f8", **how) / np.maximum(counts, 1), mask=counts == 0)
    else:
        nothing = np.inf if operation == "min" else -np.inf
        reduced = getattr(data.filled(nothing), operation)(initial=nothing, **how)
        values = np.ma.array(reduced, mask=counts == 0)
    return {
        "operation": operation,
        "result": values.tolist(),
        "count": counts.tolist(),
        "dtype": values.dtype.name,
        "shape": list(values.shape),
        "all_missing": not counts.any(),
        "nan": bool(np.isnan(np.ma.compressed(values)).any()),
    }


# --- Command lines ---------------------------------------------------------------------------------------------


SAMPLE_CHUNK = shlex.split(
    "--dtype float32 --byte-order little --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4"
)
MISSING = ["--missing-value", "1e20"]


def of_chunk(*arguments, api="v2"):
    """Arguments that ask about the first chunk of the sample."""
    return at_service("--url", url(), *SAMPLE_CHUNK, *arguments, api=api)


def of_file(name, *arguments, api="v2"):
    """Arguments that ask about one of the small files."""
    array = FILES[name]
    order = "little" if array.dtype.str[0] == "<" else "big"
    return at_service("--url", url(name), "--dtype", array.dtype.name, "--byte-order", order, *arguments, api=api)


def setUpModule():
    directory = Path(unittest.enterModuleContext(tempfile.TemporaryDirectory()))
    for name, array in FILES.items():
        (directory / name).write_bytes(array.tobytes())
    for key in (SAMPLE.name, ODD_KEY):
        (directory / key).write_bytes(SAMPLE.read_bytes())
    Servers.file_root = directory
    write_arrays(directory)
    files = sorted(path for path in directory.iterdir() if path.is_file())
    Servers.store = unittest.enterModuleContext(store(files))
    Servers.service = unittest.enterModuleContext(service("--file-root", directory))


# --- What the client makes of values -------------------------------------------------------------------------


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
            **{"url": "https://store/a/b", "interface_type": "https", "dtype": "int16", "byte_order": "big"},
            **{"offset": 1, "size": 2, "shape": [3, 4], "order": "F", "axis": [1], "keepdims": False},
            **{"selection": [[0, 2, 1], [None, None, 2]], "compression": {"id": "zlib"}, "result_dtype": "int64"},
            **{"filters": [{"id": "shuffle", "element_size": 2}, {"id": 32015}], "filter_mask": 3},
            "missing": {
                **{"missing_value": 1, "missing_values": [2, 3]},
                **{"valid_min": 4, "valid_max": 5, "valid_range": [6, 7]},
            },
            **{"fill_value": -8, "scale_factor": 0.01, "add_offset": -273.15, "unsigned": True, "etag": 'W/"v 1"'},
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


# --- One chunk -----------------------------------------------------------------------------------------------


class OneChunk(TestCase):
    def test_every_operation_of_both_dialects_is_numpys(self):
        for api, operation in itertools.product(DIALECTS, OPERATIONS):
            with self.subTest(api=api, operation=operation):
                answer = self.answer(operation, *of_chunk(*MISSING, api=api))
                self.assertEqual(answer, of_numpy(operation, CHUNK))

    def test_every_operation_over_axes_is_numpys(self):
        axes = {"0": 0, "-1,0": (-1, 0), "[]": (), "0,1,2": None}
        operations = ("count", "min", "max", "sum", "mean")
        # Every axis meets every dialect, and every operation both.
        for (text, axis), (api, operation) in zip(
            itertools.cycle(axes.items()), itertools.product(DIALECTS, operations * 2)
        ):
            with self.subTest(api=api, operation=operation, axis=text):
                answer = self.answer(operation, *of_chunk(*MISSING, "--axis", text, api=api))
                self.assertEqual(answer, of_numpy(operation, CHUNK, axis))

    def test_where_nothing_is_left_there_is_no_minimum_and_no_mean(self):
        self.assertTrue((CHUNK.count(axis=0) == 0).any())
        for api, operation in itertools.product(DIALECTS, ("min", "mean")):
            with self.subTest(api=api, operation=operation):
                answer = self.answer(operation, *of_chunk(*MISSING, "--axis", 0, api=api))
                self.assertIn(None, itertools.chain(*answer["result"]))
                self.assertEqual(answer, of_numpy(operation, CHUNK, 0))

    def test_keepdims_keeps_the_shape_of_values_and_counts(self):
        for api, axis in itertools.product(DIALECTS, (None, (0, 2))):
            arguments = [] if axis is None else ["--axis", "0,2"]
            with self.subTest(api=api, axis=axis):
                answer = self.answer("max", *of_chunk(*MISSING, "--keepdims", *arguments, api=api))
                self.assertEqual(answer, of_numpy("max", CHUNK, axis, keepdims=True))

    def test_keepdims_and_its_opposite_override_the_service(self):
        with service("--keepdims") as address:
            for arguments, keepdims in (([], True), (["--keepdims"], True), (["--no-keepdims"], False)):
                for api in DIALECTS:
                    elsewhere = ["--server", f"http://{address}", "--axis", 1, *arguments]
                    answer = self.answer("count", *of_chunk(*MISSING, *elsewhere, api=api))
                    self.assertEqual(answer, of_numpy("count", CHUNK, 1, keepdims))

    def test_a_selection_is_numpys(self):
        selections = {
            "0:2,5:8,3:13:3": np.s_[0:2, 5:8, 3:13:3],
            "-3:,::-2,7": np.s_[-3:, ::-2, 7:8],
            "-1,:,:5:-1": np.s_[-1:, :, :5:-1],
            "3:1,:,:": np.s_[3:1, :, :],
        }
        for (text, selection), api in itertools.product(selections.items(), DIALECTS):
            for operation in ("select", "min"):
                with self.subTest(text, api=api, operation=operation):
                    answer = self.answer(operation, *of_chunk(*MISSING, "--selection", text, api=api))
                    self.assertEqual(answer, of_numpy(operation, CHUNK[selection]))

    def test_every_form_of_missing_data_is_numpys(self):
        data = CHUNK.data
        for arguments, missing in {
            "": np.zeros(data.shape, bool),
            "--missing-value 1e20": data == FILL,
            "--missing-values 1e20,264.8125,NaN": (data == FILL) | (data == 264.8125),
            "--valid-min 260": data < 260,
            "--valid-max 280.5": data > 280.5,
            "--valid-range 250,280": (data < 250) | (data > 280),
            "--valid-range -Infinity,280": data > 280,
            "--valid-max 300 --valid-min 250 --missing-value 265": (data < 250) | (data > 300) | (data == 265),
        }.items():
            with self.subTest(arguments):
                answer = self.answer("max", *of_chunk(*shlex.split(arguments)))
                self.assertEqual(answer, of_numpy("max", np.ma.array(data, mask=missing)))

    def test_integers_are_exact(self):
        shape = ["--shape", "2,2,2"]
        for api, (arguments, expected) in itertools.product(
            DIALECTS,
            {
                "max --missing-value 4611686018427387905": 2**53 + 1,
                "max --valid-max 9007199254740992": 2**53,
                "min --valid-min -9223372036854775807": -5,
                "sum --valid-range 9007199254740993,4611686018427387905": 2**62 + 2**53 + 2,
            }.items(),
        ):
            with self.subTest(arguments, api=api):
                operation, *arguments = shlex.split(arguments)
                answer = self.answer(operation, *of_file("integers.bin", *shape, *arguments, api=api))
                self.assertEqual((answer["result"], answer["dtype"]), (expected, "int64"))
        self.assertEqual(self.answer("max", *of_file("unsigned.bin"))["result"], 2**64 - 1)

    def test_an_integer_dtype_takes_no_float(self):
        message = self.failure("sum", *of_file("integers.bin", "--missing-value", "7.5"))
        self.assertEqual(message[1], "  caused by: missing: 7.5 is not a value of int64")

    def test_arrays_in_fortran_order_are_numpys(self):
        data = INTEGERS.ravel().reshape(INTEGERS.shape, order="F")
        present = ~np.isin(data, [7, -5])
        arguments = ["--shape", "2,2,2", "--order", "F", "--missing-values", "7,-5"]
        for api, keepdims in itertools.product(DIALECTS, (False, True)):
            arguments_of_run = [*arguments, "--axis", "2", *["--keepdims"] * keepdims]
            with self.subTest(api=api, keepdims=keepdims):
                answer = self.answer("count", *of_file("integers.bin", *arguments_of_run, api=api))
                expected = present.sum(axis=2, keepdims=keepdims).tolist()
                self.assertEqual((answer["result"], answer["count"]), (expected, expected))
                answer = self.answer("select", *of_file("integers.bin", *arguments, api=api))
                self.assertEqual((answer["result"], answer["count"]), (data.tolist(), 5))

    def test_parts_of_an_object_are_read_where_they_are(self):
        answer = self.answer("select", *of_file("unsigned.bin", "--offset", 8, "--size", 8))
        self.assertEqual(answer["result"], [2**63])
        answer = self.answer("select", *of_file("unsigned.bin", "--offset", 8))
        self.assertEqual(answer["result"], [2**63, 3])

    def test_nan_is_data_unless_it_is_missing(self):
        for api in DIALECTS:
            answer = self.answer("max", *of_file("special.bin", api=api))
            self.assertEqual((answer["result"], answer["count"]), ("NaN", 5))
            answer = self.answer("min", *of_file("special.bin", "--missing-value", "nan", api=api))
            self.assertEqual((answer["result"], answer["count"]), ("-Infinity", 4))
            answer = self.answer("max", *of_file("special.bin", "--missing-values", "NaN,Infinity", api=api))
            self.assertEqual((answer["result"], answer["count"]), (1.5, 3))

    def test_packed_data_are_unpacked_wherever_it_is_said(self):
        packing = {"scale_factor": 0.01, "add_offset": 273.15, "unsigned": True, "fill_value": -1}
        chunks = [{"offset": 0, "size": 6, "origin": [0]}, {"size": 0, "origin": [3]}]
        shared = {"dtype": "int16", "byte_order": "little", "missing": {"missing_value": -1}}
        in_file = shared | {"shape": [6], "chunk_shape": [3], "chunks": chunks}
        on_command_line = shlex.split("--scale-factor 0.01 --add-offset 273.15 --unsigned --fill-value -1")
        packed = PACKED.view("<u2")
        expected = (packed.astype("f8") * 0.01 + 273.15).mean()
        place = ["--url", url("packed.bin"), "--chunks", "-"]
        for api, (content, arguments) in itertools.product(
            DIALECTS,
            [
                (in_file | packing, []),
                (in_file, on_command_line),
                (in_file | {"chunks": [chunk | packing for chunk in chunks]}, []),
            ],
        ):
            with self.subTest(api=api, content=content):
                answer = self.answer("mean", *at_service(*place, *arguments, api=api), stdin=json.dumps(content))
                self.assertAlmostEqual(answer["result"] / expected, 1, places=14)
                self.assertEqual(answer["count"], 3)
        one = ["--url", url("packed.bin"), "--dtype", "int16", "--byte-order", "little", *on_command_line]
        answer = self.answer("max", *at_service(*one))
        self.assertEqual(answer["result"], float(packed.max()) * 0.01 + 273.15)

    def test_filters_that_were_skipped_are_skipped(self):
        skipped = of_file("integers.bin", "--shuffle", 8, "--compression", "zlib", "--filter-mask", "0b11")
        self.assertEqual(self.answer("max", *skipped)["result"], INTEGERS.max())

    def test_a_chunk_that_was_never_written_is_its_fill_value(self):
        unwritten = of_file("integers.bin", "--size", 0, "--shape", 5, "--fill-value", -7)
        self.assertEqual(self.answer("sum", *unwritten)["result"], -35)

    def test_zarrs_codecs_are_understood(self):
        codecs = [{"name": "bytes", "configuration": {"endian": "big"}}]
        arguments = at_service("--url", url("integers.bin"), "--dtype", "int64", "--codecs", json.dumps(codecs))
        self.assertEqual(self.answer("max", *arguments, "--shape", "2,2,2")["result"], INTEGERS.max())

    def test_a_sum_has_the_dtype_asked_for(self):
        for api in DIALECTS:
            answer = self.answer("sum", *of_chunk(*MISSING, "--result-dtype", "float64", api=api))
            self.assertEqual((answer["result"], answer["dtype"]), (CHUNK.sum(dtype="f8"), "float64"))

    def test_a_mean_is_right_where_the_sum_of_integers_overflows(self):
        mean = self.answer("mean", *of_file("unsigned.bin"))["result"]
        self.assertEqual(mean, sum(UNSIGNED.tolist()) / 3)
        self.assertIn("result_dtype", "".join(self.failure("sum", *of_file("unsigned.bin"))))

    def test_shape_and_count_may_come_as_bytes(self):
        for axis in ("2", "0,1,2"):
            arguments = of_chunk(*MISSING, "--axis", axis, "--keepdims")
            as_lists = self.answer("sum", *arguments)
            for form in (["--shape-as-bytes"], ["--count-as-bytes"], ["--shape-as-bytes", "--count-as-bytes"]):
                self.assertEqual(self.answer("sum", *arguments, *form), as_lists)

    def test_web_servers_are_read_as_well(self):
        answer = self.answer("count", *of_chunk(*MISSING, "--interface", "http", "--no-chunk-cache"))
        self.assertEqual(answer, of_numpy("count", CHUNK))

    def test_files_below_the_operators_root_are_read_as_well(self):
        with service("--file-root", SAMPLE.parent) as address:
            place = ["--server", f"http://{address}", "--url", f"file:///{SAMPLE.name}"]
            self.assertEqual(self.answer("sum", *of_chunk(*MISSING, *place)), of_numpy("sum", CHUNK))

    def test_the_first_dialect_takes_source_bucket_and_object(self):
        place = ["--source", Servers.store, "--bucket", "public", "--object", ODD_KEY]
        answer = self.answer("sum", *at_service(*place, *SAMPLE_CHUNK, *MISSING, api="v1"))
        self.assertEqual(answer, of_numpy("sum", CHUNK))

    def test_keys_are_percent_encoded_in_urls(self):
        key = "tas%2050%25%20+%C3%A9&%23%3F.nc"
        for api in DIALECTS:
            answer = self.answer("sum", *at_service("--url", url(key), *SAMPLE_CHUNK, *MISSING, api=api))
            self.assertEqual(answer, of_numpy("sum", CHUNK))

    def test_a_private_bucket_is_read_with_credentials_of_options_or_environment(self):
        private = of_chunk(*MISSING, "--url", url(bucket="private"), "--user", ACCESS_KEY)
        expected = of_numpy("count", CHUNK)
        self.assertEqual(self.answer("count", *private, "--password", SECRET_KEY), expected)
        in_environment = environment(REDUCTIONIST_PASSWORD=SECRET_KEY)
        self.assertEqual(self.answer("count", *private, env=in_environment), expected)


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
                self.assertEqual(line, "client.py: no element is left: all of them are missing, or none is selected")
                self.assertIs(self.answer(operation, *nothing)["all_missing"], True)
        whole = at_service("--url", url(), "--chunks", SeveralChunks.variable, "--valid-min", "1e25")
        self.assertEqual(len(self.told("mean", *whole)), 1)
        self.assertIs(self.answer("mean", *whole)["all_missing"], True)

    def test_people_are_told_of_results_without_elements(self):
        empty = int((CHUNK.count(axis=0) == 0).sum())
        (line,) = self.told("mean", *of_chunk(*MISSING, "--axis", 0))
        self.assertEqual(line, f"client.py: of {empty} of 600 results no element is left")

    def test_people_are_told_of_nan(self):
        for operation in ("min", "sum", "mean"):
            (line,) = self.told(operation, *of_file("special.bin"))
            self.assertIn("the result is NaN: ", line)
            self.assertIs(self.answer(operation, *of_file("special.bin"))["nan"], True)
        (line,) = self.told("select", *of_file("special.bin"))
        self.assertEqual(line, "client.py: 1 of 5 elements are NaN")
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
        command = [sys.executable, HERE / "client.py", "select", "--json", *map(str, of_chunk())]
        with process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
            started.stdout.close()
            self.assertEqual(started.stderr.read(), "")
            started.stderr.close()

    def test_the_examples_of_the_help_work(self):
        help_text = self.printed("--help")
        text = help_text.partition("examples:")[2].partition("Needs")[0].replace("\\\n", " ")
        commands = [shlex.split(line)[1:] for line in text.splitlines() if line.startswith("  client.py")]
        self.assertEqual(len(commands), 4)
        for command in commands:
            command = [argument.replace("http://127.0.0.1:9000", Servers.store) for argument in command]
            done = run(*command, "--server", f"http://{Servers.service}", cwd=HERE.parent)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(help_text.index("examples:"), help_text.index("--server"))


# --- Several chunks ------------------------------------------------------------------------------------------


class SeveralChunks(TestCase):
    variable = SAMPLE.with_suffix(".json")

    def test_the_chunks_of_a_description_combine_to_numpys_values_of_the_whole(self):
        whole = whole_variable()
        self.assertEqual(whole.count(), DESCRIPTION["expected"]["count"])
        for api, operation in itertools.product(DIALECTS, ("count", "min", "max", "sum", "mean")):
            with self.subTest(api=api, operation=operation):
                arguments = at_service("--url", url(), "--chunks", self.variable, api=api)
                answer = self.answer(operation, *arguments)
                expected = of_numpy(operation, whole) | {"result": DESCRIPTION["expected"][operation]}
                expected["dtype"] = "float64" if operation == "sum" else expected["dtype"]
                self.assertEqual(answer, expected)

    def test_the_number_of_threads_changes_nothing(self):
        arguments = at_service("--url", url(), "--chunks", self.variable)
        answers = [self.answer("mean", *arguments, "--threads", threads) for threads in (1, 3, 50)]
        self.assertEqual(answers, answers[:1] * 3)

    def test_the_command_line_wins_over_what_a_description_says_of_all_chunks(self):
        arguments = at_service("--url", url(), "--chunks", self.variable, "--valid-min", "280")
        whole = whole_variable().data
        self.assertEqual(self.answer("count", *arguments), of_numpy("count", np.ma.array(whole, mask=whole < 280)))

    def test_what_all_chunks_have_in_common_may_stand_before_them(self):
        chunks = [{"offset": 0, "size": 32}, {"offset": 32, "size": 32}]
        content = json.dumps({"dtype": "int64", "byte_order": "big", "shape": [2, 2], "chunks": chunks})
        place = at_service("--url", url("integers.bin"), "--chunks", "-", "--axis", "0")
        results = json.loads(run("max", *place, "--json", stdin=content).stdout)
        self.assertEqual([answer["result"] for answer in results], INTEGERS.max(axis=1).tolist())

    def test_a_chunk_wins_over_the_command_line(self):
        chunks = [
            {"offset": 0, "size": 24, "url": url("unsigned.bin"), "byte_order": "little"},
            {"offset": 8, "size": 16, "url": url("integers.bin"), "missing": {"missing_value": 1}},
            {"offset": 32, "size": 32, "shape": [2, 2], "selection": [0, [1, None, None]]},
        ]
        unsigned = [*UNSIGNED.tolist(), *INTEGERS.ravel()[1:3].view(">u8").tolist(), 2**63]
        place = at_service("--url", url("integers.bin"), "--dtype", "uint64", "--byte-order", "big")
        with_chunks = [*place, "--missing-value", "7", "--chunks", "-"]
        answer = self.answer("max", *with_chunks, stdin=json.dumps(chunks))
        self.assertEqual((answer["result"], answer["count"]), (max(unsigned), 6))
        answer = self.answer("mean", *with_chunks, stdin=json.dumps(chunks))
        self.assertAlmostEqual(answer["result"] / (sum(unsigned) / 6), 1, places=15)

    def test_null_in_a_chunk_undoes_the_command_line(self):
        chunks = [{"offset": 0, "size": 24, "shape": None}]
        arguments = of_file("unsigned.bin", "--shape", "2,2", "--chunks", "-")
        self.assertEqual(self.answer("count", *arguments, stdin=json.dumps(chunks))["count"], 3)

    def of_special_chunks(self, operation, *arguments, indices=range(len(SPECIAL))):
        chunks = [{"offset": 8 * index, "size": 8} for index in indices]
        answer = self.answer(operation, *of_file("special.bin", "--chunks", "-", *arguments), stdin=json.dumps(chunks))
        return answer["result"], answer["count"]

    def test_special_values_combine_as_in_numpy(self):
        self.assertEqual(self.of_special_chunks("min"), ("NaN", 5))
        self.assertEqual(self.of_special_chunks("min", "--missing-value", "NaN"), ("-Infinity", 4))
        self.assertEqual(self.of_special_chunks("sum", indices=(1, 2, 3)), ("NaN", 3))
        self.assertEqual(self.of_special_chunks("sum", indices=(1, 3)), ("Infinity", 2))

    def test_chunks_of_which_nothing_is_left_do_not_count(self):
        self.assertEqual(self.of_special_chunks("max", "--valid-max", "1", indices=(1, 3, 4)), (-1 / 3, 1))
        for operation, nothing in (("max", None), ("mean", None), ("sum", 0.0)):
            answer = self.of_special_chunks(operation, "--valid-min", "1e300", "--valid-max", "1e301", indices=(3, 4))
            self.assertEqual(answer, (nothing, 0))

    def test_sums_of_narrow_integers_are_added_in_int64(self):
        chunks = json.dumps([{"offset": 8 * index, "size": 4} for index in (0, 0, 0)])
        place = ["--url", url("integers.bin"), "--dtype", "int32", "--byte-order", "big", "--chunks", "-"]
        answer = self.answer("sum", *at_service(*place), stdin=chunks)
        self.assertEqual((answer["result"], answer["dtype"]), (3 * 2**30, "int64"))

    def test_a_sum_of_integers_that_fits_no_dtype_is_an_error(self):
        chunks = json.dumps([{"offset": 0, "size": 8}] * 2)
        (line,) = self.failure("sum", *of_file("unsigned.bin", "--chunks", "-"), stdin=chunks)
        self.assertEqual(line, "client.py: the sum of all chunks does not fit uint64: use --result-dtype float64")
        arguments = of_file("unsigned.bin", "--chunks", "-", "--result-dtype", "float64")
        self.assertEqual(self.answer("sum", *arguments, stdin=chunks)["result"], 2.0**65)

    def test_keepdims_holds_for_the_combined_result(self):
        arguments = at_service("--url", url(), "--chunks", self.variable, "--keepdims")
        for operation in ("max", "mean", "count"):
            answer = self.answer(operation, *arguments)
            self.assertEqual(answer, of_numpy(operation, whole_variable(), keepdims=True))

    def test_results_over_axes_are_those_of_the_whole_array(self):
        whole = whole_variable()
        for axis, operation in itertools.product(((0,), (1, 2), (-1, 0), ()), ("count", "min", "max", "sum", "mean")):
            with self.subTest(axis=axis, operation=operation):
                text = f"[{','.join(map(str, axis))}]"
                arguments = at_service("--url", url(), "--chunks", self.variable, "--axis", text)
                expected = of_numpy(operation, whole, axis)
                if operation == "sum":
                    expected |= {"result": whole.filled(0).sum(axis, "f8").tolist(), "dtype": "float64"}
                self.assertEqual(self.answer(operation, *arguments), expected)
        arguments = at_service("--url", url(), "--chunks", self.variable, "--axis", "0")
        answer = self.answer("sum", *arguments)
        self.assertEqual(np.ravel(answer["result"]).tolist(), DESCRIPTION["axis0"]["sum"])
        self.assertEqual(np.ravel(answer["count"]).tolist(), DESCRIPTION["axis0"]["count"])

    def test_a_selection_is_of_the_whole_array(self):
        whole = whole_variable()
        arguments = at_service("--url", url(), "--chunks", self.variable, "--selection", "::5,30:5:-3,-7")
        for operation in ("select", "max", "mean"):
            with self.subTest(operation):
                answer = self.answer(operation, *arguments)
                self.assertEqual(answer, of_numpy(operation, whole[::5, 30:5:-3, -7:-6]))

    def test_only_chunks_with_selected_elements_are_asked(self):
        with stub(lambda: ONE) as server:
            arguments = ["--server", server.url, "--api", "v1", "--url", "http://store/bucket/key"]
            selection = ["--chunks", self.variable, "--selection", "3:5,:10,-1"]
            self.assertEqual(self.answer("count", *arguments, *selection)["count"], 2)
            self.assertEqual(
                sorted((body["offset"], body["selection"]) for _, _, body, _ in server.seen),
                [(17890, [[3, 4, 1], [0, 10, 1], [19, 20, 1]]), (28637, [[0, 1, 1], [0, 10, 1], [19, 20, 1]])],
            )

    def test_what_is_beyond_the_array_never_counts(self):
        chunks = [{name: chunk[name] for name in ("offset", "size", "origin")} for chunk in DESCRIPTION["chunks"]]
        description = {name: value for name, value in DESCRIPTION.items() if name != "missing"} | {"chunks": chunks}
        arguments = at_service("--url", url(), "--chunks", "-")
        self.assertEqual(self.answer("count", *arguments, stdin=json.dumps(description))["count"], 12 * 40 * 50)

    def test_chunks_that_are_not_listed_were_never_written_if_it_is_known_what_they_hold(self):
        chunks = [chunk for chunk in DESCRIPTION["chunks"] if chunk["origin"] != [4, 20, 0]]
        description = json.dumps(DESCRIPTION | {"chunks": chunks})
        arguments = at_service("--url", url(), "--chunks", "-")
        line = self.refusal("max", *arguments, stdin=description)
        self.assertIn("no chunk with origin [4, 20, 0] is listed; if it was never written, give fill_value", line)
        whole = whole_variable()
        whole[4:8, 20:, :30] = 999
        answer = self.answer("mean", *arguments, "--fill-value", "999", stdin=description)
        self.assertEqual(answer["count"], whole.count())
        self.assertAlmostEqual(answer["result"] / whole.astype("f8").mean(), 1, places=14)
        whole[4:8, 20:, :30] = np.ma.masked
        answer = self.answer("mean", *arguments, "--fill-value", "1e20", stdin=description)
        self.assertEqual(answer, of_numpy("mean", whole))

    def test_a_part_that_is_not_needed_need_not_be_listed(self):
        description = json.dumps(DESCRIPTION | {"chunks": DESCRIPTION["chunks"][:4]})
        arguments = at_service("--url", url(), "--chunks", "-", "--selection", ":4,:,:")
        answer = self.answer("max", *arguments, stdin=description)
        self.assertEqual(answer, of_numpy("max", whole_variable()[:4]))

    def test_a_combined_sum_is_rounded_once_to_the_dtype_asked_for(self):
        arguments = at_service("--url", url(), "--chunks", self.variable, "--result-dtype", "float32")
        answer = self.answer("sum", *arguments)
        expected = np.float32(DESCRIPTION["expected"]["sum"])
        self.assertEqual((answer["result"], answer["dtype"]), (expected, "float32"))
        answer = self.answer("mean", *arguments)
        expected = np.float32(DESCRIPTION["expected"]["mean"])
        self.assertEqual((np.float32(answer["result"]), answer["dtype"]), (expected, "float32"))

    def test_sums_lose_nothing_between_chunks(self):
        sums = iter([1e17, 1.0, -1e17, 1.0])
        header = {"dtype": "float64", "byte-order": "little", "shape": "[]", "count": "1"}
        header = {f"x-activestorage-{name}": value for name, value in header.items()}
        with stub(lambda: (200, header, np.float64(next(sums)).tobytes())) as server:
            chunks = json.dumps([{"offset": 8 * index, "size": 8} for index in range(4)])
            arguments = [
                "--server",
                server.url,
                "--api",
                "v1",
                "--url",
                "http://store/bucket/key",
                "--dtype",
                "float64",
            ]
            answer = self.answer("sum", *arguments, "--chunks", "-", "--threads", 1, stdin=chunks)
            self.assertEqual(answer["result"], 2.0)

    def test_results_of_different_kinds_make_no_one_result(self):
        chunks = [{"offset": 0, "size": 8}, {"offset": 8, "size": 8, "scale_factor": 0.5}]
        arguments = of_file("integers.bin", "--chunks", "-")
        (line,) = self.failure("max", *arguments, stdin=json.dumps(chunks))
        self.assertEqual(
            line,
            "client.py: the results of the chunks are of different kinds, which make no one result: float64, int64",
        )

    def without_places(self):
        """The chunks of the sample, of which is not said where they are in the array."""
        chunks = [{name: chunk[name] for name in ("offset", "size", "selection")} for chunk in DESCRIPTION["chunks"]]
        shared = {name: DESCRIPTION[name] for name in ("dtype", "byte_order", "compression", "filters", "missing")}
        return shared | {"shape": DESCRIPTION["chunk_shape"], "chunks": chunks}

    def test_without_places_results_over_axes_and_selected_elements_are_shown_for_each_chunk(self):
        notes = {"max": "an axis", "select": "select"}
        for operation, note in notes.items():
            over = [] if operation == "select" else ["--axis", "0"]
            arguments = at_service("--url", url(), "--chunks", "-", *over, "--json")
            description = self.without_places()
            done = run(operation, *arguments, stdin=json.dumps(description))
            self.assertEqual(done.returncode, 0)
            self.assertIn(f"not combined: with {note} each chunk has a result of its own", done.stderr)
            self.assertIn("shape, chunk_shape and origin in the file would say where it belongs", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            for chunk, answer in zip(description["chunks"], json.loads(done.stdout), strict=True):
                data = masked(decoded(chunk))[tuple(slice(*parts) for parts in chunk["selection"])]
                self.assertEqual(without_version(answer), {"chunk": chunk} | of_numpy(operation, data, 0))

    def test_each_chunk_is_named_where_results_are_shown_for_each(self):
        arguments = at_service("--url", url(), "--chunks", "-", "--axis", "1,2")
        blocks = run("count", *arguments, stdin=json.dumps(self.without_places())).stdout.strip().split("\n\n")
        names = [f"chunk {index} (offset {chunk['offset']})" for index, chunk in enumerate(DESCRIPTION["chunks"])]
        self.assertEqual([block.splitlines()[0] for block in blocks], names)
        self.assertEqual(blocks[0].splitlines()[1:3], ["count", "[476 476 476 475]"])

    def test_an_error_names_the_chunk_and_there_is_no_result(self):
        chunks = [dict(chunk) for chunk in DESCRIPTION["chunks"]]
        chunks[7]["size"] -= 1
        description = json.dumps(DESCRIPTION | {"chunks": chunks})
        for api in DIALECTS:
            arguments = at_service("--url", url(), "--chunks", "-", api=api)
            lines = self.failure("sum", *arguments, stdin=description)
            self.assertEqual(lines[0], "client.py: chunk 7 (offset 34005): error 400: the chunk cannot be decoded")
            self.assertRegex(lines[1], "^  caused by: zlib: ")

    def test_as_many_requests_are_under_way_as_there_are_threads(self):
        together = threading.Barrier(4, timeout=START_SECONDS)

        def reply():
            together.wait()
            return ONE

        with stub(reply) as server:
            chunks = json.dumps([{"offset": index, "size": 8} for index in range(12)])
            arguments = ["--server", server.url, "--api", "v1", "--url", "http://store/bucket/key", "--dtype", "int64"]
            answer = self.answer("sum", *arguments, "--chunks", "-", "--threads", 4, stdin=chunks)
            self.assertEqual((answer["result"], answer["count"]), (12, 12))
            self.assertEqual(sorted(body["offset"] for _, _, body, _ in server.seen), list(range(12)))
            self.assertEqual(len({connection for *_, connection in server.seen}), 4, "connections")


class Arrays(ArrayTests, TestCase):
    """Whole arrays in files of h5py, netCDF4 and zarr."""


class Progress(TestCase):
    arguments = ["count", "--chunks", SAMPLE.with_suffix(".json"), "--json"]

    def on_a_terminal(self, *arguments):
        """What the client writes to a terminal as its standard error."""
        terminal, its_end = pty.openpty()
        termios.tcsetwinsize(its_end, (24, 80))
        command = [sys.executable, HERE / "client.py", *self.arguments, *at_service("--url", url(), *arguments)]
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


# --- What can go wrong ---------------------------------------------------------------------------------------


class Errors(TestCase):
    def test_every_cause_that_the_service_names_is_shown(self):
        for api, operation in itertools.product(DIALECTS, ("count", "mean")):
            arguments = ["--axis", "5,1,1", "--missing-value", "1e60", "--size", 0]
            lines = self.failure(operation, *of_chunk(*arguments, api=api))
            self.assertEqual(lines[0], "client.py: error 400: the request data is not valid")
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
        self.assertEqual(lines[0], f"client.py: no answer from {server}")
        self.assertRegex(lines[1], "^  caused by: .*refused")

    def test_a_service_that_is_silent_is_an_error_after_the_timeout(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = f"http://127.0.0.1:{silent.getsockname()[1]}"
            (line,) = self.failure("sum", *of_chunk("--server", server, "--timeout", "0.2"))
        self.assertEqual(line, f"client.py: no answer from {server} within 0.2 s (--timeout)")

    def test_interrupted_it_ends_at_once(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(START_SECONDS)
            server = f"http://127.0.0.1:{silent.getsockname()[1]}"
            chunks = SAMPLE.with_suffix(".json")
            command = [sys.executable, HERE / "client.py", "sum", "--url", url(), "--chunks", chunks]
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
        self.assertEqual(lines, ["client.py: error 503: overloaded", "  caused by: try again after: 70 s"])

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
        replies.put((503, {"Retry-After": "50"}, b""))
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
                "client.py: error 412: the object was replaced: make the chunk file anew",
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
                    "client.py: the object was replaced while its chunks were read: make the chunk file anew",
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
            self.assertEqual(server.seen[0][2]["etag"], '"abc"')

    def test_errors_of_others_than_the_service_are_shown(self):
        page = b"<html><body><h1>502 Bad Gateway</h1>\n</body></html>\n"
        lines = self.lines_for(502, {"Content-Type": "text/html"}, page)
        self.assertEqual(
            lines, ["client.py: error 502: Bad Gateway", "  caused by: <html><body><h1>502 Bad Gateway</h1>"]
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
                self.assertRegex(lines[0], "^client.py: http://127.0.0.1:[0-9]+ gave no answer of Reductionist$")
                self.assertEqual(len(lines), 2)

    def test_a_message_does_not_control_the_terminal(self):
        content = json.dumps({"error": {"message": "\x1b[2Jgone\r", "caused_by": ["a\nb"]}}).encode()
        lines = self.lines_for(400, {}, content)
        self.assertEqual(lines, ["client.py: error 400:  [2Jgone ", "  caused by: a b"])


class Usage(TestCase):
    def test_wrong_usage_is_one_clear_line(self):
        place = ["--url", "http://store/bucket/key"]
        typed = [*place, "--dtype", "int16"]
        for arguments, text in (
            ([], "OPERATION"),
            (["median", *typed], "the operation must be one of count, min, max, sum, mean, select"),
            (["sum", *place], "--dtype is required"),
            (["sum", "--dtype", "int16"], "--url is required"),
            (["sum", *typed, "--colour", "blue"], "there is no option --colour"),
            (["sum", *typed, "--dtype", "int12"], "argument --dtype: invalid choice: 'int12'"),
            (["sum", *typed, "--shape", "4x20"], "argument --shape: '4x20' is not a list of integers such as 4,20,30"),
            (["sum", *typed, "--selection", "1:b"], "argument --selection: '1:b' is not an index"),
            (["sum", *typed, "--shape", "4,20", "--selection", ":,20"], "index 20 of the selection is outside"),
            (["sum", *typed, "--missing-value", "many"], "argument --missing-value: 'many' is not a number"),
            (["sum", *typed, "--valid-range", "1"], "argument --valid-range: '1' is not LOW,HIGH"),
            (["sum", *typed, "--filter", "{id"], "argument --filter: '{id' is not JSON"),
            (["sum", *typed, "--offset"], "argument --offset: expected one argument"),
            (["sum", *typed, "--timeout", "0"], "argument --timeout: '0' is not a number of seconds above 0"),
            (["sum", *typed, "--threads", "0"], "argument --threads: '0' is not a whole number of at least 1"),
            (["sum", *typed, "--server", "localhost:8080"], "argument --server: 'localhost:8080' does not begin with"),
            (["sum", *typed, "--cacert", "nowhere.pem"], "argument --cacert: there is no file 'nowhere.pem'"),
            (["sum", *typed, "--source", "http://store"], "--source, --bucket and --object are for --api v1"),
            (["sum", *typed, "--api", "v1", "--bucket", "b"], "or --url in their place"),
            (["sum", "--dtype", "int16", "--api", "v1", "--bucket", "b"], "needs --source, --bucket and --object"),
            (["sum", *typed, "--api", "v1", "--url", "http://store/key"], "http(s)://STORE/BUCKET/KEY"),
            (["sum", *typed, "--api", "v1", "--interface", "https"], "--api v1 reads S3 stores only"),
            (["sum", *typed, "--api", "v1", "--no-chunk-cache"], "--api v1 reads S3 stores only"),
            (["sum", *typed, "--user", "somebody"], "REDUCTIONIST_PASSWORD in the environment"),
            (["sum", *typed, "--chunks", "nowhere.json"], "nowhere.json cannot be read"),
            (["select", *typed, "--axis", 0], "select reduces no axis: --axis has no use"),
        ):
            with self.subTest(arguments):
                line = self.refusal(*arguments)
                self.assertIn(text, line)
                self.assertRegex(line, r"^client\.py: .* \(--help explains\)$")

    def test_a_file_of_chunks_that_makes_no_sense_is_wrong_usage(self):
        located = "is no object with offset and size, or with a url of its own, or with size 0"
        for content, text in (
            ("", "standard input cannot be read"),
            ("[1, 2", "standard input cannot be read"),
            ("[" * 100_000, "standard input cannot be read"),
            ('[{"offset": 1, "offset": 2, "size": 2}]', "offset is given more than once"),
            ("[]", "standard input: there is no list of chunks"),
            ("7", "standard input: there is no list of chunks"),
            ("{}", "standard input: there is no list of chunks"),
            ('[{"offset": 1, "size": 2}, 3]', f"chunk 1: {located}"),
            ('[{"offset": 1}]', f"chunk 0: {located}"),
            ('[{"size": 1}]', f"chunk 0: {located}"),
            ('[{"offset": 1, "size": null}]', f"chunk 0: {located}"),
        ):
            with self.subTest(content[:50]):
                self.assertIn(text, self.refusal("sum", *of_chunk("--chunks", "-"), stdin=content))

    def array(self, *chunks, **fields):
        """A file about an array of two chunks, with other fields."""
        chunks = chunks or ({"origin": [0]}, {"origin": [4]})
        chunks = [{"offset": 8, "size": 8} | chunk for chunk in chunks]
        return json.dumps({"shape": [6], "chunk_shape": [4], "chunks": chunks} | fields)

    def test_nothing_in_a_file_of_chunks_is_passed_over(self):
        of_first = ({"origin": [0]}, {"origin": [4]})
        for content, text in (
            (self.array(scale=0.01), "unknown field scale; the fields are source, bucket, object"),
            (self.array(offset=1), "unknown field offset"),
            (self.array({"origin": [0], "colour": 1}, of_first[1]), "chunk 0: unknown field colour"),
            (self.array({"origin": [0], "chunk_shape": [2]}), "chunk 0: unknown field chunk_shape"),
            ('[{"offset": 1, "size": 2, "origin": [0]}]', "chunk 0: origin needs shape and chunk_shape"),
            (self.array(shape=None), "shape is not a list of lengths"),
            (self.array(shape=[6, 6]), "shape has 2 dimensions, chunk_shape has 1"),
            (self.array(chunk_shape=[0]), "chunk_shape is not a list of lengths, each at least 1"),
            (self.array(chunk_shape=[True]), "chunk_shape is not a list of lengths, each at least 1"),
            (self.array({"origin": [0]}, {}), "chunk 1: has no origin"),
            (self.array({"origin": [2]}), "chunk 0: no chunk of [4] begins at [2] in [6]"),
            (self.array({"origin": [8]}), "chunk 0: no chunk of [4] begins at [8] in [6]"),
            (self.array({"origin": 0}), "chunk 0: origin is not a list of 1 integers"),
            (self.array({"origin": [0]}, {"origin": [0]}), "chunk 1 (offset 8) and chunk 0 (offset 8) have the same"),
            (self.array({"origin": [0], "shape": [3]}), "chunk 0: has a shape that is not chunk_shape"),
            (self.array({"origin": [0], "axis": 0}), "chunk 0: axis of a part of an array must hold for all of it"),
            (self.array({"origin": [0], "selection": [[1, 4, 1]]}), "chunk 0: has a selection other than what is"),
            (self.array({"origin": [4], "selection": [[0, 4, 1]]}), "chunk 0: has a selection other than what is"),
            (self.array(selection=[[0, 1, 1], None]), "the selection has not one slice for each of the 1 dimensions"),
            (self.array(selection=[[0, 1]]), "is no index, and not [start, end, stride]"),
            (self.array(axis=[1]), "axis [1] is not of an array of 1 dimensions"),
            (self.array(axis=[0, -1]), "axis [0, -1] has an axis more than once"),
            (self.array({"origin": [0]}), "no chunk with origin [4] is listed"),
            (self.array(shape=[2**60], fill_value=0), "more than 10000000 chunks of [4] are selected"),
        ):
            with self.subTest(content):
                arguments = at_service("--url", url("unsigned.bin"), "--dtype", "int16", "--chunks", "-")
                self.assertIn(text, self.refusal("sum", *arguments, stdin=content))

    def test_what_has_no_use_on_the_command_line_is_wrong_usage(self):
        two = '[{"offset": 0, "size": 8, "dtype": "int8"}, {"offset": 8, "size": 8, "dtype": "int8"}]'
        for content, arguments, text in (
            (two, ["--offset", 8], "--offset belong to each chunk in the file"),
            (two, ["--dtype", "int16"], "dtype is given but never used: every chunk in the file has its own"),
            (self.array(dtype="int16"), ["--shape", 4], "--shape says what chunk_shape in the file does"),
        ):
            with self.subTest(arguments):
                line = self.refusal("sum", *at_service("--url", url(), "--chunks", "-", *arguments), stdin=content)
                self.assertIn(text, line)

    def test_a_mean_is_a_float(self):
        line = self.refusal("mean", *of_chunk("--result-dtype", "int64"))
        self.assertIn("a mean is a float64, or a float32 with --result-dtype float32", line)


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
        ((_, headers, _, _),) = server.seen
        return headers

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
            with service("--auth-token-file", tokens.name) as address:
                there = of_chunk(*MISSING, "--server", f"http://{address}")
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
            self.assertEqual(lines, ["client.py: error 307: Temporary Redirect"])
            self.assertEqual(elsewhere.seen, [])


class Certificates(TestCase):
    def test_a_service_is_believed_if_its_certificate_is(self):
        with tempfile.TemporaryDirectory() as directory:
            certificate, key = f"{directory}/cert.pem", f"{directory}/key.pem"
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
                + ["-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
                check=True,
                capture_output=True,
            )
            ssl.create_default_context(cafile=certificate)
            with service("--https", "--cert-file", certificate, "--key-file", key) as address:
                server = ["--server", f"https://{address}"]
                expected = of_numpy("count", CHUNK)
                bundle = environment(REQUESTS_CA_BUNDLE=os.devnull, CURL_CA_BUNDLE=os.devnull)
                for trust in (["--cacert", certificate], ["--insecure"]):
                    self.assertEqual(self.answer("count", *of_chunk(*MISSING, *server, *trust)), expected)
                    self.assertEqual(self.answer("count", *of_chunk(*MISSING, *server, *trust), env=bundle), expected)
                lines = self.failure("count", *of_chunk(*server))
                self.assertEqual(lines[0], f"client.py: no answer from https://{address}")
                self.assertIn("certificate verify failed", lines[1])
        self.assertIn("exclude each other", self.refusal("sum", *of_chunk("--insecure", "--cacert", __file__)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], add_help=False)
    parser.add_argument("--programs", type=Path, default=Servers.programs, help="where the built programs are")
    options, rest = parser.parse_known_args()
    Servers.programs = options.programs.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for name in os.environ.keys() - environment().keys():
        del os.environ[name]
    # Ignored in the background of a shell, which whatever is started here would take over.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
