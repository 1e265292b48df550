"""Questions about whole arrays in files of h5py, netCDF4 and Zarr, against NumPy."""

import json
import random

import h5py
import numpy as np

import arrays as files
from arrays import Question, Stored
from running import Servers, TestCase, run, url

NUMBERS = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}
H5PY_FILE, NETCDF4_FILE = "arrays.h5", "arrays.nc"


class Written:
    """What is in the files, once they are written."""

    by_h5py: list[Stored] = []
    by_netcdf4: dict[str, np.ma.MaskedArray] = {}
    by_zarr: dict[int, list[Stored]] = {}


def write_arrays(directory):
    """Writes the files that are to be in the store, and those below the root of the service's files."""
    Written.by_h5py = files.write_with_h5py(directory / H5PY_FILE, 66, seed=1)
    Written.by_netcdf4 = files.write_with_netcdf4(directory / NETCDF4_FILE, 40, seed=2)
    for zarr_format in (2, 3):
        Written.by_zarr[zarr_format] = files.write_with_zarr(Servers.file_root, zarr_format, 22, seed=3)


def as_array(result, dtype):
    """A result of JSON; what is masked there is null."""
    shape = np.shape(result)
    flat = np.ravel(np.array(result, object))
    mask = np.array([value is None for value in flat], bool).reshape(shape)
    values = [0 if value is None else NUMBERS.get(value, value) for value in flat]
    return np.ma.array(np.array(values, dtype).reshape(shape), mask=mask)


class WholeArrays(TestCase):
    """A sum of floats may be off by what rounding does; everything else is exact."""

    def assert_answer(self, question, expected, *arguments, description):
        """Asks a question, and compares the answer to the values, counts and tolerance expected."""
        values, counts, tolerance = expected
        command = [
            *question.arguments(),
            "--server",
            f"http://{Servers.service}",
            "--chunks",
            "-",
            "--json",
            *arguments,
        ]
        done = run(*command, stdin=json.dumps(description))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        answer = json.loads(done.stdout)
        self.assertEqual((answer["dtype"], answer["shape"]), (values.dtype.name, list(values.shape)))
        self.assertEqual(answer["count"], counts.tolist())
        got = as_array(answer["result"], values.dtype).reshape(values.shape)
        np.testing.assert_array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(values))
        got, wanted = got.filled(0), np.ma.filled(values, 0)
        with np.errstate(invalid="ignore"):
            is_right = (got == wanted) | ((got != got) & (wanted != wanted)) | (abs(got - wanted) <= tolerance)
        self.assertTrue(np.all(is_right), f"{got} is not {wanted}")
        self.assertEqual(answer["all_missing"], not counts.any())
        self.assertEqual(answer["nan"], bool((wanted != wanted).any()))

    def test_arrays_of_h5py_are_numpys_whatever_is_asked_and_wherever_it_is_said(self):
        dice, described = random.Random(4), files.of_page(1)
        with h5py.File(Servers.file_root / H5PY_FILE) as file:
            descriptions = {array.name: described(file[array.name]) for array in Written.by_h5py}
        for array in Written.by_h5py:
            for _ in range(6):
                question = Question.random(dice, array.values.shape)
                description = descriptions[array.name]
                if dice.random() < 0.5:
                    description = files.list_unwritten(description)
                arguments, description = files.spread(dice, description)
                with self.subTest(array=array, question=question, arguments=arguments, description=description):
                    expected = question.expected(array.elements, array.is_missing)
                    self.assert_answer(question, expected, "--url", url(H5PY_FILE), *arguments, description=description)

    def test_chunks_without_places_make_one_result_where_all_is_reduced(self):
        dice, described = random.Random(5), files.of_page(1)
        with h5py.File(Servers.file_root / H5PY_FILE) as file:
            descriptions = {array.name: described(file[array.name]) for array in Written.by_h5py}
        for array in Written.by_h5py:
            operation = dice.choice(["count", "min", "max", "sum", "mean"])
            question = Question(operation, api=dice.choice(["v1", "v2"]))
            description = files.without_grid(descriptions[array.name])
            with self.subTest(array=array, question=question, description=description):
                expected = question.expected(array.elements, array.is_missing)
                self.assert_answer(question, expected, "--url", url(H5PY_FILE), description=description)

    def test_packed_variables_are_what_the_netcdf_library_makes_of_them(self):
        dice, described = random.Random(6), files.of_page(1)
        with h5py.File(Servers.file_root / NETCDF4_FILE) as file:
            descriptions = {name: described(file[name]) for name in Written.by_netcdf4}
        for name, masked in Written.by_netcdf4.items():
            elements = np.ma.getdata(masked)
            elements = elements.astype(elements.dtype.newbyteorder("="))
            for operation in ("count", "min", "max", "sum", "mean"):
                axes = dice.choice([None, (dice.randrange(masked.ndim),)])
                question = Question(operation, axes)
                with self.subTest(name=name, question=question, description=descriptions[name]):
                    expected = question.expected(elements, np.ma.getmaskarray(masked))
                    self.assert_answer(question, expected, "--url", url(NETCDF4_FILE), description=descriptions[name])

    def test_arrays_of_zarr_are_numpys(self):
        dice = random.Random(7)
        described = {2: files.described_zarr2, 3: files.of_page(2)}
        for zarr_format, arrays in Written.by_zarr.items():
            for array in arrays:
                description = described[zarr_format](Servers.file_root / array.name, f"file:///{array.name}")
                for _ in range(4):
                    question = Question.random(dice, array.values.shape)
                    question = Question(question.operation, question.axis, question.selection, question.keepdims)
                    arguments, spread = files.spread(dice, description)
                    with self.subTest(array=array, question=question, arguments=arguments, description=spread):
                        expected = question.expected(array.elements, array.is_missing)
                        self.assert_answer(question, expected, *arguments, description=spread)
