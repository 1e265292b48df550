"""Questions about one chunk, against NumPy."""

import itertools
import json
import shlex

import numpy as np

from data import CHUNK, FILL, INTEGERS, MISSING, ODD_KEY, PACKED, SAMPLE_CHUNK, UNSIGNED, of_chunk, of_file, of_numpy
from harness.places import SAMPLE
from harness.processes import environment
from harness.service import service
from harness.stores import ACCESS_KEY, SECRET_KEY
from reductionist.fields import OPERATIONS
from running import DIALECTS, Servers, TestCase, at_service, url


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
        with service(Servers.programs, "--keepdims") as server:
            for arguments, keepdims in (([], True), (["--keepdims"], True), (["--no-keepdims"], False)):
                for api in DIALECTS:
                    elsewhere = ["--server", server.url, "--axis", 1, *arguments]
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
        with service(Servers.programs, "--file-root", SAMPLE.parent) as server:
            place = ["--server", server.url, "--url", f"file:///{SAMPLE.name}"]
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
