"""Command lines and files that make no sense."""

import json

from data import of_chunk
from reductionist.options import PROGRAM
from running import TestCase, at_service, url


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
                self.assertRegex(line, rf"^{PROGRAM}: .* \(--help explains\)$")

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
