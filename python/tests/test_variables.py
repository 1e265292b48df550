"""What the Python client makes of answers about variables: the numbers of NumPy, and what is known beside them."""

import threading

import netCDF4
import numpy as np
import pytest

from harness.places import SAMPLE
from reductionist import Client, Progress, Result, ServiceError, UsageError
from running import Servers

URL = f"s3://public/{SAMPLE.name}"


@pytest.fixture(scope="module")
def tas():
    """The sample's variable; what is missing is masked."""
    with netCDF4.Dataset(SAMPLE) as file:
        return file["tas"][:].astype("f8")


@pytest.fixture(scope="module")
def client():
    with Client(Servers.variables, endpoint=Servers.store) as client:
        yield client


def same(got, expected):
    np.testing.assert_allclose(got, np.ma.filled(expected, np.nan), rtol=1e-13, strict=True)


def test_statistics_over_named_axes_are_those_of_numpy(client, tas):
    result = client.reduce(URL, "tas", ["mean", "count", "std"], axis=["lat", "lon"])
    assert (result.dims, result.shape) == (("time",), (12,))
    same(result["mean"], tas.mean(axis=(1, 2)))
    same(result["std"], tas.std(axis=(1, 2)))
    assert result["count"].tolist() == tas.count(axis=(1, 2)).tolist()


def test_a_result_is_a_mapping_that_knows_its_version_and_what_was_read(client):
    result = client.reduce(URL, "tas", "count")
    assert isinstance(result, Result)
    assert list(result) == ["count"] == list(result.statistics)
    assert result.etag
    assert result.read.chunks > 0
    assert result.read.passes == 1
    assert (result["count"].shape, result["count"].dtype) == ((), np.int64)


def test_everything_is_reduced_unless_axes_are_given_and_an_empty_list_reduces_nothing(client, tas):
    assert client.reduce(URL, "tas", "max")["max"] == np.float32(tas.max())
    assert client.reduce(URL, "tas", "max", axis=[])["max"].shape == tas.shape
    assert client.reduce(URL, "tas", "max", axis=0, keepdims=True)["max"].shape == (1, 40, 50)


@pytest.mark.parametrize(
    ("selection", "indexed"),
    [
        ({"time": slice(2, 9, 3)}, np.s_[2:9:3]),
        ({"time": slice(None, None, -2), "lat": 3}, np.s_[::-2, 3]),
        ({"lon": [0, -1, 7, 7]}, np.s_[:, :, [0, 49, 7, 7]]),
        ({"lon": np.array([4, 2])}, np.s_[:, :, [4, 2]]),
        ({"lat": np.arange(40) % 3 == 0}, np.s_[:, ::3]),
        ({"lat": range(10, -1, -5)}, np.s_[:, [10, 5, 0]]),
        ((None, slice(5), np.int64(-1)), np.s_[:, :5, -1]),
        ([slice(0, 4), {"indices": [1]}, None], np.s_[:4, [1]]),
    ],
)
def test_selections_are_written_as_in_numpy(client, tas, selection, indexed):
    same(client.reduce(URL, "tas", "mean", selection=selection)["mean"], np.float64(tas[indexed].mean()))
    found = client.select(URL, "tas", selection)
    assert found.shape == tas[indexed].shape == found.values.shape
    assert found.values.tolist() == tas[indexed].filled(np.float32(1e20)).tolist()


@pytest.mark.parametrize("selection", [..., {"time": 1.5}, {"time": [0.5]}, {"time": True}, {"time": [[1]]}, ["time"]])
def test_what_is_no_selection_is_not_asked(client, selection):
    with pytest.raises(UsageError, match="selection"):
        client.reduce(URL, "tas", "mean", selection=selection)


def test_what_is_missing_can_be_said(client, tas):
    assert client.reduce(URL, "tas", "count", missing={})["count"] == tas.size
    assert client.reduce(URL, "tas", "max", missing={})["max"] == np.float32(1e20)
    warm = np.ma.masked_less(tas, 280)
    assert client.reduce(URL, "tas", "count", missing={"valid_range": [280, 400]})["count"] == warm.count()


def test_weighted_statistics_are_those_of_numpy(client, tas):
    lat = np.cos(np.linspace(-1.5, 1.5, 40))
    weights = np.broadcast_to(lat[:, None], tas.shape)
    result = client.reduce(URL, "tas", ["mean", "sum_of_weights"], axis=["lat", "lon"], weights={"lat": lat})
    same(result["mean"], np.ma.average(tas, axis=(1, 2), weights=weights))
    same(result["sum_of_weights"], np.where(tas.mask, 0, weights).sum(axis=(1, 2)))
    by_cell = client.reduce(URL, "tas", "mean", axis=["lat", "lon"], weights=(("lat", "lon"), weights[0]))
    same(by_cell["mean"], result["mean"])


def test_groups_are_what_is_selected_of_them(client, tas):
    labels = np.arange(12) % 3
    result = client.reduce(URL, "tas", ["max", "count"], axis=[], groups=("time", labels))
    assert (result.dims, result.shape) == (("time", "lat", "lon"), (3, 40, 50))
    for number in range(3):
        same(result["count"][number], tas[labels == number].count(axis=0))
        same(result["max"][number], tas[labels == number].max(axis=0).astype("f4").filled(-np.inf))


def test_statistics_take_options_and_names(client, tas):
    asked = [
        {"name": "quantile", "q": np.array([0.25, 0.75])},
        "median",
        {"name": "histogram", "bins": np.array([250, 280, np.inf])},
        {"name": "var", "ddof": 1, "as": "of a sample"},
        "argmax",
        "any",
    ]
    result = client.reduce(URL, "tas", asked)
    values = tas.compressed()
    assert result["quantile"].tolist() == np.quantile(values, [0.25, 0.75]).tolist()
    assert result["median"] == np.median(values)
    assert result["histogram"].tolist() == np.histogram(values, [250, 280, np.inf])[0].tolist()
    same(result["of a sample"], np.float64(values.var(ddof=1)))
    assert tuple(result["argmax"]) == np.unravel_index(tas.filled(-1).argmax(), tas.shape)
    assert result["any"].dtype == np.bool_
    assert result["any"]


def test_a_chunk_list_gives_what_its_variable_does(client, tas):
    found = client.describe(URL, "tas", chunks=True)
    stored = found.variables["tas"]
    array = {
        **{name: stored.fields[name] for name in ("dtype", "byte_order", "shape", "chunk_shape", "dims")},
        "compression": {"id": "zlib"},
        "filters": [{"id": "shuffle", "element_size": 4}],
        "fill_value": 0,
    }
    columns = {name: np.array(stored.fields["chunks"][name]) for name in ("index", "offset", "size")}
    result = client.reduce(URL, None, "mean", axis="time", array=array, chunks=columns, missing={"missing_value": 1e20})
    same(result["mean"], tas.mean(axis=0))


def test_a_description_has_dimensions_attributes_and_chunks(client):
    everything = client.describe(URL)
    assert {"time": 12, "lat": 40, "lon": 50}.items() <= everything.dimensions.items()
    assert (everything.format, everything.size) == ("hdf5", SAMPLE.stat().st_size)
    tas = everything.variables["tas"]
    assert (tas.dims, tas.shape, tas.dtype, tas.chunk_shape) == (
        ("time", "lat", "lon"),
        (12, 40, 50),
        "float32",
        (4, 20, 30),
    )
    assert tas.attributes["units"] == "K"
    assert client.describe(URL, "tas").variables["tas"].fields["chunk_count"] == 12


def test_progress_is_told_and_changes_no_answer(client, tas):
    told = []
    result = client.reduce(URL, "tas", "mean", progress=told.append)
    same(result["mean"], np.float64(tas.mean()))
    assert all(isinstance(each, Progress) and each.chunks_done <= each.chunks for each in told)


def test_a_bar_is_shown_if_wanted(client, capsys):
    client.reduce(URL, "tas", "mean", progress=True)
    assert "reduce" in capsys.readouterr().err
    client.reduce(URL, "tas", "mean")
    assert capsys.readouterr().err == ""


def test_errors_have_their_status_title_causes_and_request(client):
    with pytest.raises(ServiceError) as caught:
        client.reduce(URL, "tass", "mean")
    error = caught.value
    assert error.status == 404
    assert error.title.startswith('there is no variable "tass"; did you mean "tas"')
    assert error.causes == []
    assert error.request_id
    assert error.problems == []


def test_all_problems_of_a_request_are_told(client):
    with pytest.raises(ServiceError) as caught:
        client.reduce(URL, "tas", "mode")
    assert caught.value.status == 400
    assert any("mode" in problem for problem in caught.value.problems)


def test_another_version_of_the_object_is_an_error(client):
    with pytest.raises(ServiceError) as caught:
        client.reduce(URL, "tas", "mean", etag='"another"')
    assert caught.value.status == 412


def test_threads_share_a_client(client, tas):
    found = []
    threads = [
        threading.Thread(
            target=lambda at=at: found.append((at, client.reduce(URL, "tas", "mean", selection={"time": at})))
        )
        for at in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    for at, result in found:
        same(result["mean"], np.float64(tas[at].mean()))
