"""How long the service takes for one chunk of each codec, beside the libraries that decode the same chunk.

The chunk is 4 MiB of float32 that look like temperature. The time of the service is its own: of one request for the
sum of a chunk in a local file, from the request's head to that of the answer. It contains the reading and the sum,
which the first line shows alone, of a chunk that is not encoded. numcodecs decodes the same bytes from memory into
memory; h5py with hdf5plugin reads the same chunk from a file that lies in the page cache, with no cache of its own.
What the service takes for decoding alone, from memory into memory as well, tells examples/decode_chunk.rs.
"""

import random
import re
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import h5py
import hdf5plugin
import numcodecs
import numcodecs.blosc
import numpy as np
from numcodecs.checksum32 import CRC32C

from harness import tool
from harness.asking import Connection, question
from harness.service import service
from suites.codecs.files import FILL, temperature
from suites.codecs.stored_chunks import by_numcodecs, dtype_fields
from suites.codecs.stored_hdf5 import (
    by_hdf5,
    deflate,
    fletcher32,
    lzf,
    new_dataset,
    plugin,
    scale_offset_of_floats,
    shuffle,
    szip,
)

SHAPE = (8, 256, 512)  # 4 MiB
NOT_ENCODED = "not encoded"
RUNS = 9  # the best of them counts


def all_codecs():
    """Pairs of a name and the codecs: filters and a compressor of numcodecs, or filters of HDF5."""
    yield "cmip7repack: shuffle, zlib 4, fletcher32", [shuffle(), deflate(), fletcher32()]
    yield "the same without fletcher32", [shuffle(), deflate()]
    shuffled, rounded = numcodecs.Shuffle(4), numcodecs.BitRound(9)
    for name, filters, compressor in [
        ("shuffle, zlib 4", [shuffled], numcodecs.Zlib(4)),
        ("zlib 4", [], numcodecs.Zlib(4)),
        ("shuffle, gzip 4", [shuffled], numcodecs.GZip(4)),
        ("zstd 3", [], numcodecs.Zstd(3)),
        ("shuffle, zstd 3", [shuffled], numcodecs.Zstd(3)),
        ("shuffle, lz4", [shuffled], numcodecs.LZ4()),
        ("shuffle, bz2 5", [shuffled], numcodecs.BZ2(5)),
        ("bitround 9, shuffle, zstd 3", [rounded, shuffled], numcodecs.Zstd(3)),
        ("shuffle", [shuffled], None),
        ("fletcher32", [numcodecs.Fletcher32()], None),
        ("crc32c", [CRC32C()], None),
        ("delta", [numcodecs.Delta("<f4")], None),
        ("fixedscaleoffset", [numcodecs.FixedScaleOffset(250, 100, "<f4", "<i2")], numcodecs.Zstd(3)),
    ]:
        yield name, (filters, compressor)
    for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        for shuffle_name, number in [("shuffle", 1), ("bitshuffle", 2)]:
            yield f"blosc {cname} {shuffle_name}", ([], numcodecs.Blosc(cname, 5, number))
    for name, filters in [
        ("HDF5 lzf", [shuffle(), lzf()]),
        ("HDF5 szip", [szip("nn", 16)]),
        ("HDF5 scaleoffset 2 digits", [scale_offset_of_floats(2)]),
        ("HDF5 bzip2", [shuffle(), plugin(hdf5plugin.BZip2())]),
        ("HDF5 zstd", [shuffle(), plugin(hdf5plugin.Zstd())]),
        ("HDF5 lz4", [shuffle(), plugin(hdf5plugin.LZ4())]),
        ("HDF5 bitshuffle lz4", [plugin(hdf5plugin.Bitshuffle(cname="lz4"))]),
        ("HDF5 bitshuffle zstd", [plugin(hdf5plugin.Bitshuffle(cname="zstd"))]),
        ("HDF5 blosc lz4", [plugin(hdf5plugin.Blosc("lz4"))]),
        ("HDF5 blosc snappy", [plugin(hdf5plugin.Blosc("snappy"))]),
        ("HDF5 blosc2 lz4", [plugin(hdf5plugin.Blosc2("lz4"))]),
        ("HDF5 blosc2 zstd", [plugin(hdf5plugin.Blosc2("zstd"))]),
    ]:
        yield name, filters


def best(run):
    """The shortest of several times, in ms; `run` returns a time of its own, or nothing."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        own = run()
        times.append(own if own is not None else (time.perf_counter() - start) * 1000)
    return min(times)


# --- The service ---------------------------------------------------------------------------------------------


class Timed:
    """Asks for the sum of a chunk in a local file, and reads from the metrics how long that took the service."""

    def __init__(self, url, path, chunk):
        self.url = url
        fields = {"interface_type": "file", "url": path.as_uri(), "shape": list(chunk.array.shape)}
        fields |= {"offset": 0, "size": len(chunk.stored)} | dtype_fields(chunk.array) | chunk.codecs
        self.path, self.asked = path, question("sum", fields)
        self.connection = Connection(url)

    def __call__(self):
        before = self.seconds()
        status, _, content = self.connection.ask(self.asked)
        if status != 200:
            raise RuntimeError(f"{status}: {content.decode()[:200]}")
        return (self.seconds() - before) * 1000

    def decoding(self, programs):
        """The time of decoding alone."""
        request = self.path.with_suffix(".json")
        request.write_text(self.asked.body)
        told = subprocess.run(
            [programs.example("decode_chunk"), request, self.path], check=True, capture_output=True, text=True
        ).stdout
        return float(re.search(r"in (\S+) ms", told)[1])

    def seconds(self):
        """Time that all requests for sums took until now."""
        with urllib.request.urlopen(f"{self.url}/metrics") as answer:
            text = answer.read().decode()
        series = re.findall(r"^response_time_sum\{([^}]*)\} (\S+)$", text, re.MULTILINE)
        return sum(float(value) for labels, value in series if 'path="/v2/sum"' in labels)


# --- The libraries -------------------------------------------------------------------------------------------


def time_of_library(chunk, codecs, directory):
    if isinstance(codecs, list):
        return time_of_hdf5(chunk, codecs, directory / "library.h5")
    filters, compressor = codecs
    steps = [codec.get_config() for codec in [*filters, *([compressor] if compressor else [])]]
    decoders = [numcodecs.get_codec(step) for step in reversed(steps)]
    return best(lambda: decode(chunk.stored, decoders))


def decode(data, decoders):
    for codec in decoders:
        data = codec.decode(data)


def time_of_hdf5(chunk, filters, path):
    with h5py.File(path, "w") as file:
        dataset = new_dataset(file, chunk.array, filters, None, None)
        dataset.write_direct_chunk((0,) * chunk.array.ndim, chunk.stored, chunk.codecs.get("filter_mask", 0))
    values = np.empty_like(chunk.array)
    with h5py.File(path, rdcc_nbytes=0) as file:
        return best(lambda: file["data"].read_direct(values))


def compare_speed(options, directory):
    """Prints a line for each codec; the ratios say how many times as long decoding takes in the service."""
    array = temperature(options.seed, SHAPE)
    array[array == FILL] = 273.15  # which codecs of decimal digits cannot hold
    threads = numcodecs.blosc.set_nthreads(1)
    heads = "stored", "request", "decoding", "library", "ratio", f"{threads} threads", "ratio"
    print("{:42} {:>9} {:>8} {:>8} {:>8} {:>6} {:>9} {:>6}".format("times in ms, the library with 1 thread", *heads))
    files = directory / "files"
    files.mkdir()
    with service(options.programs, "--file-root", files) as server:
        for name, codecs in [(NOT_ENCODED, ([], None)), *all_codecs()]:
            chunk = by_hdf5(array, codecs) if isinstance(codecs, list) else by_numcodecs(array, *codecs)
            path = files / "chunk.bin"
            path.write_bytes(chunk.stored)
            numcodecs.blosc.set_nthreads(1)
            library = time_of_library(chunk, codecs, directory)
            numcodecs.blosc.set_nthreads(threads)
            by_threads = time_of_library(chunk, codecs, directory) if "blosc" in name and "HDF5" not in name else None
            try:
                timed = Timed(server.url, path, chunk)
                own, decoding = best(timed), timed.decoding(options.programs)
            except RuntimeError as error:
                print(f"{name:42} {error}", flush=True)
                continue
            print(line(name, len(chunk.stored), own, decoding, library, by_threads), flush=True)


def line(name, size, own, decoding, library, by_threads):
    text = f"{name:42} {size / 2**20:5.2f} MiB {own:8.2f}"
    if name != NOT_ENCODED:
        text += f" {decoding:8.2f} {library:8.2f} {decoding / library:6.2f}"
    return text if by_threads is None else f"{text} {by_threads:9.2f} {decoding / by_threads:6.2f}"


def main():
    parser = tool.parser(__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="of the temperatures")
    with tempfile.TemporaryDirectory() as directory:
        compare_speed(parser.parse_args(), Path(directory))


if __name__ == "__main__":
    tool.run(main)
