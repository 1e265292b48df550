"""Questions about several chunks, against NumPy."""

import itertools
import json
import threading

import numpy as np

from data import DESCRIPTION, INTEGERS, UNSIGNED, decoded, masked, of_file, of_numpy, whole_variable
from harness.places import SAMPLE
from harness.processes import START_SECONDS
from harness.stub import stub
from reductionist.options import PROGRAM
from running import DIALECTS, ONE, TestCase, at_service, run, url, without_version


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

    def of_special_chunks(self, operation, *arguments, indices=(0, 1, 2, 3, 4)):
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
        self.assertEqual(line, f"{PROGRAM}: the sum of all chunks does not fit uint64: use --result-dtype float64")
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
                sorted((seen.fields["offset"], seen.fields["selection"]) for seen in server.seen),
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
            f"{PROGRAM}: the results of the chunks are of different kinds, which make no one result: float64, int64",
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
            self.assertEqual(lines[0], f"{PROGRAM}: chunk 7 (offset 34005): error 400: the chunk cannot be decoded")
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
            self.assertEqual(sorted(seen.fields["offset"] for seen in server.seen), list(range(12)))
            self.assertEqual(len({seen.client for seen in server.seen}), 4, "connections")
