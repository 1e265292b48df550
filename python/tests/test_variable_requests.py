"""What the Python client sends about variables, and what it makes of answers that the service rarely gives."""

import itertools
import json
import pickle
import socket
import time
import traceback

import cbor2
import numpy as np
import pytest

from harness.processes import START_SECONDS, free_port
from harness.stub import stub
from reductionist import Client, Credentials, Failure, ServiceError, UsageError

SECRET = "never-to-be-seen"
RESULT = {"dtype": "float64", "byte_order": "big", "shape": [], "bytes": np.array(2.5, ">f8").tobytes()}
ANSWER = {"dims": [], "shape": [], "etag": None, "results": {"mean": RESULT}, "read": {"chunks": 1, "new": 7}}
ONE = (200, {"Content-Type": "application/cbor"}, cbor2.dumps(ANSWER))
PLACE = "s3://bucket/a key.nc", "tas", "mean"


def sequence(*items):
    return 200, {"Content-Type": "application/cbor-seq"}, b"".join(map(cbor2.dumps, items))


def progress(done):
    return {"progress": {"chunks_done": done, "chunks": 2, "bytes": 10}}


def client_of(server, **options):
    return Client(server.url, options.pop("credentials", Credentials()), endpoint="http://store:9000", **options)


def sent(*arguments, **options):
    """The request that a call sends."""
    with stub(lambda: ONE) as server, client_of(server) as client:
        client.reduce(*arguments, **options)
        (seen,) = server.seen
        return seen


def test_a_request_has_what_was_said_and_nothing_else():
    fields = sent(*PLACE).fields
    assert fields == {
        "interface_type": "s3",
        "url": "http://store:9000/bucket/a%20key.nc",
        "variable": "tas",
        "statistics": ["mean"],
    }


def test_numpy_values_and_special_floats_are_sent_as_json_has_them():
    fields = sent(
        *PLACE[:2],
        [{"name": "histogram", "bins": np.array([0.0, 1.0, np.inf])}],
        axis=np.int64(0),
        selection={"time": slice(np.int32(1), None, np.int8(-1)), "lat": np.array([True, False, True])},
        missing={"missing_value": np.float32("nan")},
        weights={"lat": np.array([0.5, 1.0])},
        groups={"axis": "time", "labels": np.array([0, 1]), "size": 2},
        skipna=True,
        unpack=False,
    ).fields
    assert fields["statistics"] == [{"name": "histogram", "bins": [0.0, 1.0, "Infinity"]}]
    assert (fields["axis"], fields["skipna"], fields["unpack"]) == ([0], True, False)
    assert fields["selection"] == {"time": [1, None, -1], "lat": {"indices": [0, 2]}}
    assert fields["missing"] == {"missing_value": "NaN"}
    assert fields["weights"] == {"lat": [0.5, 1.0]}
    assert fields["groups"] == {"axis": "time", "labels": [0, 1], "size": 2}


class Array:
    """As much of xarray's DataArray as is used."""

    def __init__(self, dims, values):
        self.dims, self.values = dims, np.array(values)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"lat": np.float32([0.5, 1])}, {"lat": [0.5, 1.0]}),
        ({"lat": [1, 2], "lon": Array(("lon",), [True, False])}, {"lat": [1, 2], "lon": [1.0, 0.0]}),
        ((("lat", "lon"), [[1, 2], [3, 4]]), {"dims": ["lat", "lon"], "values": [[1, 2], [3, 4]]}),
        (("lat", [1.5]), {"dims": ["lat"], "values": [1.5]}),
        (Array(("lat", "lon"), [[0.5]]), {"dims": ["lat", "lon"], "values": [[0.5]]}),
        ({"dims": ["lat"], "values": np.ones(1)}, {"dims": ["lat"], "values": [1.0]}),
        ("areacella", {"variable": "areacella"}),
        (
            {"variable": "gw", "url": "s3://other/key", "etag": '"a"'},
            {"variable": "gw", "interface_type": "s3", "url": "http://store:9000/other/key", "etag": '"a"'},
        ),
        (
            {"variable": "gw", "url": "https://web/x", "interface": "https"},
            {"variable": "gw", "interface_type": "https", "url": "https://web/x"},
        ),
    ],
)
def test_weights_are_by_dimension_arrays_with_names_or_variables(weights, said):
    assert sent(*PLACE, weights=weights).fields["weights"] == said


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (("time", np.array([0, 2, -1], "i1")), {"axis": "time", "labels": [0, 2, -1], "size": 3}),
        ((0, [0, 1]), {"axis": 0, "labels": [0, 1], "size": 2}),
        ((("lat", "lon"), [[0, 1]]), {"dims": ["lat", "lon"], "labels": [[0, 1]], "size": 2}),
        (Array(("time",), [1, 0]), {"axis": "time", "labels": [1, 0], "size": 2}),
        ({"axis": "time", "labels": np.array([1]), "size": 12}, {"axis": "time", "labels": [1], "size": 12}),
        ({"dims": ["lat"], "labels": [3]}, {"dims": ["lat"], "labels": [3], "size": 4}),
        ({"variable": "basin", "size": 5}, {"variable": "basin", "size": 5}),
        (("time", []), {"axis": "time", "labels": [], "size": 0}),
        ((("lat", "lon"), np.zeros((2, 0), int)), {"dims": ["lat", "lon"], "labels": [], "size": 0}),
    ],
)
def test_groups_are_labels_with_names_or_variables(groups, said):
    assert sent(*PLACE, groups=groups).fields["groups"] == said


def test_what_are_no_weights_or_groups_is_not_asked():
    client = Client(f"http://127.0.0.1:{free_port()}", Credentials())
    for options, text in (
        ({"weights": [1, 2]}, "weights are by dimension"),
        ({"weights": {"lat": ["a"]}}, "weights are numbers"),
        ({"weights": (("lat", "lon"), [1])}, "have 1 dimensions, and names for 2"),
        ({"groups": "basin"}, "groups are a pair"),
        ({"groups": ("time", [0.5])}, "labels are integers"),
        ({"groups": ("time", [["a"]])}, "have 2 dimensions, and names for 1"),
    ):
        with pytest.raises(UsageError, match=text):
            client.reduce("http://a/b", "tas", "mean", **options)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "u8", "bool"])
def test_large_arrays_are_sent_as_compact_cbor(dtype):
    values = np.arange(20_000).reshape(100, 200).astype(dtype)
    seen = sent(*PLACE, weights=(("lat", "lon"), values), groups=("time", np.zeros(9_000, "i8")))
    assert seen.headers["Content-Type"] == "application/cbor"
    fields = cbor2.loads(seen.body)
    assert fields["weights"]["values"] == values.tolist()
    assert fields["groups"] == {"axis": "time", "labels": [0] * 9_000, "size": 1}
    if dtype in ("f2", "f4", "f8"):
        assert len(seen.body) < 20_000 * (1 + values.itemsize) + 9_000 + 1_000


def test_truths_and_integers_of_128_bits_are_read():
    whole = [0, -1, 2**64, -(2**127), 2**127 - 1]
    results = {
        "any": {"dtype": "bool", "byte_order": "little", "shape": [2], "bytes": b"\1\0"},
        **{
            order: {
                "dtype": "int128",
                "byte_order": order,
                "shape": [5, 1],
                "bytes": b"".join(each.to_bytes(16, order, signed=True) for each in whole),
            }
            for order in ("little", "big")
        },
    }
    reply = 200, {}, cbor2.dumps(ANSWER | {"results": results})
    with stub(lambda: reply) as server, client_of(server) as client:
        result = client.reduce(*PLACE)
    assert (result["any"].dtype, result["any"].tolist()) == (np.bool_, [True, False])
    for order in ("little", "big"):
        assert result[order].shape == (5, 1)
        assert result[order].ravel().tolist() == whole


def test_an_empty_axis_and_missing_are_not_the_same_as_none():
    fields = sent(*PLACE, axis=[], missing={}).fields
    assert (fields["axis"], fields["missing"]) == ([], {})


def test_a_large_request_is_cbor():
    columns = {"index": np.zeros((10_000, 1), int), "offset": np.arange(10_000), "size": np.ones(10_000, int)}
    array = {"dtype": "int8", "shape": [10_000], "chunk_shape": [1]}
    seen = sent(PLACE[0], None, "mean", array=array, chunks=columns, urls=["http://a/b"])
    assert seen.headers["Content-Type"] == "application/cbor"
    fields = cbor2.loads(seen.body)
    assert fields["chunks"]["offset"] == list(range(10_000))
    assert (fields["array"], fields["urls"]) == (array, ["http://a/b"])


@pytest.mark.parametrize(
    ("url", "options", "place"),
    [
        ("http://store/b/k%20.nc", {}, ("s3", "http://store/b/k%20.nc")),
        ("https://web/x.nc", {"interface": "https"}, ("https", "https://web/x.nc")),
        ("file:///a.nc", {}, ("file", "file:///a.nc")),
        ("s3://b/ä/k?.nc", {}, ("s3", "http://store:9000/b/%C3%A4/k%3F.nc")),
    ],
)
def test_places_are_told_as_the_service_reads_them(url, options, place):
    fields = sent(url, "tas", "mean", **options).fields
    assert (fields["interface_type"], fields["url"]) == place


def test_what_makes_no_sense_is_not_asked(monkeypatch):
    monkeypatch.delenv("REDUCTIONIST_ENDPOINT", raising=False)
    client = Client(f"http://127.0.0.1:{free_port()}", Credentials())
    for arguments, options, text in (
        (("s3://bucket/key", "tas", "mean"), {}, "--endpoint"),
        (("s3://bucket", "tas", "mean"), {}, "BUCKET/KEY"),
        (("ftp://a/b", "tas", "mean"), {}, "does not begin with"),
        ((f"http://user:{SECRET}@a/b", "tas", "mean"), {}, "no credentials"),
        (("http://a/b", None, "mean"), {}, "either a variable"),
        (("http://a/b", "tas", "mean"), {"array": {}}, "either a variable"),
        (("http://a/b", None, "mean"), {"array": {}}, "needs its chunks"),
        (("http://a/b", "tas", []), {}, "no statistic"),
    ):
        with pytest.raises(UsageError, match=text) as caught:
            client.reduce(*arguments, **options)
        assert SECRET not in str(caught.value)
    with pytest.raises(UsageError, match="http://HOST"):
        Client("localhost:8080")


def test_connections_are_kept():
    with stub(lambda: ONE) as server, client_of(server) as client:
        for _ in range(3):
            client.reduce(*PLACE)
        assert len({seen.client for seen in server.seen}) == 1


def test_answers_come_in_the_byte_order_of_the_machine_and_unknown_counts_are_passed_over():
    with stub(lambda: ONE) as server, client_of(server) as client:
        result = client.reduce(*PLACE)
    assert (result["mean"], result["mean"].dtype.isnative, result.read.chunks) == (2.5, True, 1)


def test_an_overloaded_service_is_asked_again_within_a_bound():
    overloaded = (503, {"Retry-After": "0"}, b"{}")
    replies = itertools.chain([overloaded, overloaded], itertools.repeat(ONE))
    with stub(lambda: next(replies)) as server, client_of(server) as client:
        assert client.reduce(*PLACE)["mean"] == 2.5
        assert len(server.seen) == 3
    with stub(lambda: (503, {"Retry-After": "3600"}, b"{}")) as server, client_of(server) as client:
        with pytest.raises(ServiceError, match="try again after: 3600 s") as caught:
            client.reduce(*PLACE)
        assert (caught.value.status, len(server.seen)) == (503, 1)


def test_a_silent_service_is_an_error_after_the_timeout():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", Credentials(), timeout=0.2)
        begin = time.monotonic()
        with pytest.raises(Failure, match=r"within 0\.2 s"):
            client.reduce("http://a/b", "tas", "mean")
        assert time.monotonic() - begin < START_SECONDS


def test_an_error_is_told_with_everything_the_service_says():
    error = {"message": "the request data is not valid", "caused_by": ["axis: 5 is outside", "missing: x"]}
    reply = 400, {"x-request-id": "abc-1"}, json.dumps({"error": error}).encode()
    with stub(lambda: reply) as server, client_of(server) as client, pytest.raises(ServiceError) as caught:
        client.reduce(*PLACE)
    found = pickle.loads(pickle.dumps(caught.value))  # as it comes from a worker of Dask
    assert (found.status, found.title, found.request_id) == (400, error["message"], "abc-1")
    assert found.problems == found.causes == error["caused_by"]
    assert str(found) == "error 400: the request data is not valid; axis: 5 is outside; missing: x"


def test_errors_of_others_than_the_service_are_shown():
    page = 502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>\nmore"
    with stub(lambda: page) as server, client_of(server) as client:
        for how in (False, lambda _: None):
            with pytest.raises(ServiceError, match="error 502: Bad Gateway; <h1>Bad Gateway</h1>"):
                client.reduce(*PLACE, progress=how)


def test_the_error_at_the_end_of_a_sequence_is_raised():
    error = {"error": {"status": 409, "message": "the object changed", "caused_by": ["chunk [0, 1]"]}}
    with stub(lambda: sequence(progress(1), error)) as server, client_of(server) as client:
        told = []
        with pytest.raises(ServiceError) as caught:
            client.reduce(*PLACE, progress=told.append)
    assert (caught.value.status, caught.value.causes) == (409, ["chunk [0, 1]"])
    assert [each.chunks_done for each in told] == [1]


def test_a_sequence_asks_for_itself_and_ends_with_the_result():
    with stub(lambda: sequence(progress(1), progress(2), ANSWER)) as server, client_of(server) as client:
        told = []
        assert client.reduce(*PLACE, progress=told.append)["mean"] == 2.5
        assert server.seen[0].headers["Accept"] == "application/cbor-seq"
    assert [(each.chunks_done, each.chunks, each.bytes) for each in told] == [(1, 2, 10), (2, 2, 10)]


def test_an_error_of_who_is_told_is_theirs():
    def fail(_):
        raise KeyError("mine")

    with (
        stub(lambda: sequence(progress(1), ANSWER)) as server,
        client_of(server) as client,
        pytest.raises(KeyError, match="mine"),
    ):
        client.reduce(*PLACE, progress=fail)


def test_what_is_no_answer_is_an_error():
    wrong_shape = ANSWER | {"results": {"mean": RESULT | {"shape": [2]}}}
    wide = ANSWER | {"results": {"mean": RESULT | {"dtype": "int128"}}}
    wrong_dtype = ANSWER | {"results": {"mean": RESULT | {"dtype": "datetime64[s]"}}}
    for content in (b"", b"\xa1", b"hello", *(cbor2.dumps(each) for each in ([], {}, wrong_shape, wrong_dtype, wide))):
        with stub(lambda content=content: (200, {}, content)) as server, client_of(server) as client:
            with pytest.raises(Failure, match="gave no answer of Reductionist"):
                client.reduce(*PLACE)
            with pytest.raises(Failure, match=r"no answer of Reductionist|ended before the result"):
                client.reduce(*PLACE, progress=lambda _: None)


def test_a_sequence_that_breaks_off_is_an_error():
    cut = 200, {"Content-Length": "1000"}, cbor2.dumps(progress(1))
    with (
        stub(lambda: cut) as server,
        client_of(server, timeout=0.3) as client,
        pytest.raises(Failure, match="broke off"),
    ):
        client.reduce(*PLACE, progress=lambda _: None)


def test_credentials_go_to_the_service_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("REDUCTIONIST_SERVICE_TOKEN", SECRET)
    with stub(lambda: ONE) as server:
        with Client(server.url) as client:
            client.reduce("http://store/bucket/key", "tas", "mean")
        with client_of(server, credentials=Credentials("key", "pass", "token")) as client:
            client.reduce(*PLACE)
        of_environment, given = (seen.headers for seen in server.seen)
    assert (of_environment["x-reductionist-token"], of_environment["Authorization"]) == (SECRET, None)
    assert (given["Authorization"], given["x-amz-security-token"]) == ("Basic a2V5OnBhc3M=", "token")


def test_no_traceback_shows_a_secret_even_with_variables():
    credentials = Credentials("key", SECRET, SECRET, None, SECRET)
    client = Client(f"http://127.0.0.1:{free_port()}", credentials)
    assert SECRET not in f"{client!r} {credentials!r} {vars(client)!r}"
    with pytest.raises(Failure) as caught:
        client.reduce("http://store/bucket/key", "tas", "mean")
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "no answer from" in shown
    assert SECRET not in shown


def test_a_redirection_is_not_followed():
    with stub(lambda: ONE) as elsewhere:
        moved = 307, {"Location": elsewhere.url}, b""
        with stub(lambda: moved) as server, client_of(server) as client, pytest.raises(ServiceError, match="error 307"):
            client.reduce(*PLACE)
        assert elsewhere.seen == []
