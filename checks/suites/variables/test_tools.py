"""The parts of the tools that measure whole variables, on small files: what they find is right, and what they draw is SVG."""

import http.client
import sys
import time
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from harness.places import ROOT, Programs
from harness.processes import free_port
from harness.report import WrongAnswer
from harness.stores import web_server
from harness.stub import stub
from suites.variables.stand_in import stand_in
from tools.far import __main__ as far_bench
from tools.far import files as far_files
from tools.far import report as far_report
from tools.far.ask import one_call
from tools.far.setup import Far, link
from tools.whole import files, measuring, report, statistics

pytestmark = pytest.mark.variables

CHUNKS = 340  # as a file is called; the one here has six


# --- Far away ------------------------------------------------------------------------------------------------


def test_a_link_delays_counts_and_keeps_its_rate():
    content = bytes(250_000)
    with stub(lambda: (200, {}, content)) as server:
        near = free_port()
        with link(None, 60, 20, [f"{near}:{server.port}"]) as started:
            far = Far("", {}, started)
            connection = http.client.HTTPConnection("127.0.0.1", near)
            begin = time.monotonic()
            connection.request("POST", "/", b"x" * 1000)
            assert connection.getresponse().read() == content
            took = time.monotonic() - begin
            connection.close()
            crossed = far.crossed()
            assert far.crossed() == {"up_bytes": 0, "down_bytes": 0, "connections": 0}
    assert crossed["connections"] == 1
    assert 250_000 < crossed["down_bytes"] < 251_000
    assert 1_000 < crossed["up_bytes"] < 2_000
    assert took > 0.06 + 0.06 + 0.1  # the handshake, the request and its answer, and 2 Mbit


def test_one_call_finds_the_mean_of_what_is_reduced(tmp_path):
    far_files.make(tmp_path, (6, 20, 30))
    with stand_in(tmp_path) as server:
        means = {layout: one_call(layout, "http://127.0.0.1:1", server.url)()[0] for layout in far_files.LAYOUTS}
        assert {seen.fields["interface_type"] for seen in server.seen} == {"s3"}
    with_netcdf4 = far_files.netCDF4.Dataset(tmp_path / "big.nc")
    values = with_netcdf4[far_files.VARIABLE][...].astype("f8")
    with_netcdf4.close()
    np.testing.assert_allclose(means["big"], values.mean(), rtol=1e-12)
    np.testing.assert_allclose(means["small"], values[:4].mean(), rtol=1e-12)


def row(way, seconds, value):
    told = {"all": seconds, "open": 0.1, "reduce": seconds - 0.1, "value": value}
    return far_report.Row.of("small", way, [told, told], {"up_bytes": 0, "down_bytes": 4 << 20, "connections": 2})


def test_ways_stand_beside_plain_reading_and_another_mean_is_told():
    rows = [row("plain reading", 8.0, 280.0), row("one call", 0.5, 280.0001)]
    table = far_report.text(rows)
    assert " 16.0 |" in table and " – |" in table
    assert " 6.0 |" in far_report.text([*rows, row(far_report.ACTIVE, 3.0, 280.0)])
    assert " 2,048.0 " in table
    assert far_report.wrong(rows) == []
    assert far_report.wrong([*rows, row("another", 1.0, 281.0)]) == ["small, another"]


def test_one_call_is_asked_of_a_new_service_and_then_of_the_same_one(monkeypatch):
    seen = []
    figures = {"all": 1.0, "open": 0.1, "reduce": 0.9, "value": 280.0}
    monkeypatch.setattr(Far, "crossed", lambda _: {"up_bytes": 1, "down_bytes": 1, "connections": 1})
    monkeypatch.setattr(Far, "renew", lambda _, service: seen.append(f"new {service}"))
    monkeypatch.setattr(far_bench, "once", lambda way, *_: seen.append(way) or figures)
    rows = far_bench.measured(Far("", {far_bench.OURS: ""}, None), "small", ["active", "call"], 2)
    assert seen == 2 * ["active", "new service", "call", "call"]
    assert [row.way for row in rows] == ["PyActiveStorage", "one call, index unknown", "one call, index known"]


# --- Beside the store ------------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path):
    """A small file on a web server; the stand-in is what the tools start as the service."""
    directory = tmp_path / "files"
    directory.mkdir()
    files.write(files.path_of(directory, CHUNKS), (3, 64, 128))
    program = tmp_path / "reductionist"
    where = f"PYTHONPATH={ROOT}/checks STAND_IN_FILES={directory}"
    program.write_text(f'#!/bin/sh\nexec env {where} {sys.executable} -m suites.variables.stand_in "$@"\n')
    program.chmod(0o755)
    with web_server(directory) as (store, _):
        yield measuring.Bench(Programs(tmp_path), directory, store, 1)


def test_statistics_in_ways_are_measured(bench):
    found = measuring.ways(bench, CHUNKS, ["call"])
    assert set(found) == set(measuring.STATISTICS)
    for figures in found.values():
        assert figures["call"]["seconds"] > 0
        assert figures["call"]["peak_mib"] > 1


def test_growth_is_that_of_a_service_that_has_done_nothing(bench):
    found = measuring.growth(bench, [CHUNKS])[str(CHUNKS)]
    assert found["peak_mib"] >= found["idle_mib"] > 1
    assert 0.9 * 3 * 64 * 128 < found["counted"] < 3 * 64 * 128


def test_more_of_a_question_stands_beside_less(bench, monkeypatch):
    monkeypatch.setattr(statistics, "AT_ONCE", 1)
    weighted = statistics.Asked(["mean"], {"weights": {"lat": np.ones(64)}})
    grouped = statistics.Asked(["mean"], {"axis": [], "groups": ("time", np.arange(3))})
    small = {name: statistics.Claim(asked, "sum", 1.0) for name, asked in (("a", weighted), ("b", grouped))}
    monkeypatch.setattr(statistics, "CLAIMS", small)
    found = statistics.beside_less(bench, bench.url(CHUNKS), bench.url(CHUNKS))
    assert set(found) == {*statistics.BASES, *small}
    assert all("ratio" in found[name] for name in small)


def test_a_median_is_measured_and_has_to_be_one(bench):
    path = files.path_of(bench.directory, CHUNKS)
    found = statistics.median_beside_mean(bench, path)
    assert set(found) == {"mean", "median"}
    assert found["median"]["peak_mib"] > 1
    with stand_in(bench.directory) as server, pytest.raises(WrongAnswer, match="is no median"):
        statistics.check_median(bench, bench.url(CHUNKS), server.url, 251.0)


def test_all_chunks_are_asked_for(bench):
    path = files.path_of(bench.directory, CHUNKS)
    with stub(lambda: (200, {}, b"")) as server:
        measuring.by_requests(bench, CHUNKS, files.chunk_requests(path, "http://a/b"), server.url)
        assert len({seen.fields["offset"] for seen in server.seen}) == 6
        assert len({seen.client for seen in server.seen}) <= measuring.CONNECTIONS


def test_ways_that_differ_are_an_error():
    measuring.check_values("mean", {"call": {"value": 1.0}, "dask": {"value": 1.00001}})
    for value in (1.1, float("nan")):
        with pytest.raises(WrongAnswer, match="differ about mean"):
            measuring.check_values("mean", {"call": {"value": 1.0}, "dask": {"value": value}})


def test_figures_are_tables_and_a_drawing():
    of_way = {"seconds": 2.0, "cpu_seconds": 1.0, "peak_mib": 90.0, "value": 1.0}
    ways = {statistic: {"call": of_way, "dask": of_way | {"seconds": 9.0}} for statistic in measuring.STATISTICS}
    chunk = {"cpu_ms": 0.2, "ms": 0.3, "seconds": 1.0}
    grown = {"seconds": 1.0, "cpu_seconds": 0.5, "idle_mib": 8.0, "peak_mib": 64.0, "counted": 1.0}
    results = {
        "ways": ways | {"references": {"kerchunk": {"seconds": 3.0}}},
        "chunks": {"requests": chunk, "variable": chunk | {"cpu_ms": 0.05}},
        "growth": {"340": grown, "34000": grown},
        "statistics": {"sum": {"cpu_seconds": 0.5}, "mean of each month": {"cpu_seconds": 0.6, "ratio": 1.19}},
        "median": {name: grown | {"passes": 2.0} for name in ("mean", "median")},
    }
    table = report.text(results)
    for shown in ("4.5", "0.25", "34,000", "took 3.0 s", "1.19", "1.25", "3.0"):
        assert shown in table
    drawing = ElementTree.fromstring(report.draw(results))
    texts = [each.text for each in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert {"9.00 s", "64 MiB", "34,000 chunks"} <= set(texts)
