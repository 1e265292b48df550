"""Makes the golden chunks of tests/vectors: encoded by the libraries that write climate data.

  vectors.json  The index of zlib, gzip and shuffle: for each vector its files, how it was encoded, and what it
                decodes to.
  codecs.json   The index of all other codecs (vectors.py): what a request says about each chunk.
  *.enc         Encoded chunks, as they lie in a Zarr store (numcodecs, zarr) or inside an HDF5 file (h5py,
                netCDF4).
  *.raw         What they decode to. Vectors share these files.

All are checked in; run this only to change them. It needs the packages of uv.lock, in
exactly these versions:

    cd checks && $(./environment codecs)/bin/python -m suites.codecs.make_vectors

The same bytes are written each time, as long as Python itself is linked with the same zlib: another one may compress
differently, to chunks that decode to the same. The library that wrote a chunk has read it again; tests/vectors.rs does
so without it.
"""

import argparse
import hashlib
import json
from pathlib import Path

import h5py
import numcodecs
import numpy as np

from harness.places import ROOT
from suites.codecs import vectors as codec_vectors
from suites.codecs.stored_chunks import by_numcodecs
from suites.codecs.stored_hdf5 import by_hdf5, deflate, shuffle

INDEX = "vectors.json"
SEED = 1
BY_NUMCODECS = f"numcodecs {numcodecs.__version__}"
BY_H5PY = f"h5py {h5py.__version__} (HDF5 {h5py.version.hdf5_version})"
COMPRESSORS = {"zlib": numcodecs.Zlib, "gzip": numcodecs.GZip}

MAX_FILE_BYTES = 8 * 1024
MAX_TOTAL_BYTES = 100 * 1024
MAX_INDEX_BYTES = 128 * 1024
MAX_TOTAL_BYTES_OF_CODECS = 200 * 1024  # with their index


def make_arrays():
    """The data, by the name of their `.raw` file: smooth with some noise, positive and negative."""
    noise = np.random.default_rng(SEED).normal(0, 1, 1001)
    wave = np.round((20 * np.sin(np.arange(1001) / 15) + noise) * 4) / 4
    return {
        # 240 is a multiple of 3: these float32 can be shuffled as 80 elements of 12 bytes too.
        "float32": wave[:240].astype("<f4"),
        "float64": (wave[:240] / 3).astype("<f8"),  # no zero bytes at the end
        "int16": (wave[:240] * 100).astype("<i2"),
        "uint8": (wave[:240] + 100).astype("u1"),
        "float32-big": wave[:240].astype(">f4"),
        "int32-big": (wave[:240] * 10000).astype(">i4"),
        "int64-big": (wave[:240] * 1e12).astype(">i8"),
        "float32-one": wave[:1].astype("<f4"),
        "float32-1001": wave.astype("<f4"),
        "float32-empty": wave[:0].astype("<f4"),
    }


class Vectors:
    """Collects the vectors, and the bytes of the files that they name."""

    def __init__(self):
        self.arrays = make_arrays()
        self.index = []
        self.files = {}

    def add(self, name, written_by, array_name, stored, compression, element_sizes):
        array = self.arrays[array_name]
        raw = array.tobytes()
        file, decoded = f"{name}.enc", f"{array_name}.raw"
        assert file not in self.files, f"two vectors are called {name}"
        self.files[file] = stored
        self.files[decoded] = raw
        fields = {"name": name, "written_by": written_by, "file": file}
        fields["compression"] = {"id": compression} if compression else None
        fields["filters"] = [{"id": "shuffle", "element_size": size} for size in element_sizes]
        fields |= codec_vectors.dtype_fields(array)
        hashed = hashlib.sha256(raw).hexdigest()
        self.index.append(fields | {"decoded_sha256": hashed, "decoded_len": len(raw), "decoded": decoded})

    def add_numcodecs(self, array_name, compression, element_sizes=(), level=None):
        """A vector named after what was done, such as `numcodecs-shuffle4-zlib-float32`."""
        steps = [f"shuffle{size}" for size in element_sizes]
        if compression:
            steps.append(compression if level is None else f"{compression}{level}")
        name = "-".join(["numcodecs", *steps, array_name])
        stored = self.encoded(self.arrays[array_name], compression, element_sizes, 5 if level is None else level)
        self.add(name, BY_NUMCODECS, array_name, stored, compression, element_sizes)

    def encoded(self, array, compression, element_sizes, level):
        filters = [numcodecs.Shuffle(size) for size in element_sizes]
        chunk = by_numcodecs(array, filters, COMPRESSORS[compression](level) if compression else None)
        return codec_vectors.without_time(chunk).stored if compression == "gzip" else chunk.stored

    def add_h5py(self, array_name, compression, is_shuffled):
        array = self.arrays[array_name]
        steps = (["shuffle"] if is_shuffled else []) + (["gzip"] if compression else [])
        filters = ([shuffle()] if is_shuffled else []) + ([deflate()] if compression else [])
        chunk = by_hdf5(array, filters)
        assert "filter_mask" not in chunk.codecs, "HDF5 skipped a filter"
        sizes = [array.itemsize] if is_shuffled else []
        self.add("-".join(["h5py", *steps, array_name]), BY_H5PY, array_name, chunk.stored, compression, sizes)


def make_vectors():
    vectors = Vectors()

    # Compression alone.
    for compression in ("zlib", "gzip"):
        for array_name in ("float32", "float64", "int16", "uint8", "float32-big", "int64-big"):
            vectors.add_numcodecs(array_name, compression)
        for level in (0, 1, 9):  # 0: stored, not compressed
            vectors.add_numcodecs("float32", compression, level=level)
        for array_name in ("float32-one", "float32-1001", "float32-empty"):
            vectors.add_numcodecs(array_name, compression)

    # Shuffle alone, and before compression. 12 bytes are no dtype's size, but a filter may say so.
    for array_name, element_size in [
        ("uint8", 1),
        ("int16", 2),
        ("float32", 4),
        ("float64", 8),
        ("float32", 12),
        ("float32-big", 4),
        ("int64-big", 8),
        ("float32-one", 4),
        ("float32-1001", 4),
    ]:
        for compression in (None, "zlib", "gzip"):
            vectors.add_numcodecs(array_name, compression, [element_size])

    # Two filters. Shuffles commute, so this proves that both are undone, not in which order.
    vectors.add_numcodecs("float64", "zlib", [2, 8])

    # A gzip stream may consist of several members; they decode to one sequence of bytes (RFC 1952, 2.2).
    data = vectors.arrays["float32"].view("u1")
    two_members = b"".join(
        vectors.encoded(part, "gzip", (), level) for part, level in [(data[:500], 1), (data[500:], 9)]
    )
    vectors.add("numcodecs-gzip-two-members-float32", BY_NUMCODECS, "float32", two_members, "gzip", [])

    for array_name in ("int16", "float32", "float64", "int32-big"):
        vectors.add_h5py(array_name, "zlib", is_shuffled=False)
        vectors.add_h5py(array_name, "zlib", is_shuffled=True)
    vectors.add_h5py("float32", None, is_shuffled=True)

    return vectors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out-dir",
        type=Path,
        default=ROOT / "tests/vectors",
        help="where to write all files (default: tests/vectors of this repository)",
    )
    directory = parser.parse_args().out_dir
    directory.mkdir(parents=True, exist_ok=True)

    vectors = make_vectors()
    vectors.files[INDEX] = (json.dumps({"vectors": vectors.index}, indent=2) + "\n").encode()
    codecs = codec_vectors.make_codec_vectors(vectors.arrays["float32-1001"], vectors.files)
    codecs.files[codec_vectors.INDEX] = codecs.index_file()
    assert not [name for name in codecs.files if codecs.files[name] != vectors.files.get(name, codecs.files[name])]
    files = vectors.files | codecs.files
    for name, content in files.items():
        assert len(content) < (MAX_INDEX_BYTES if name.endswith(".json") else MAX_FILE_BYTES), f"{name} is too large"
        (directory / name).write_bytes(content)

    of_codecs = {name: content for name, content in files.items() if name not in vectors.files}
    for index, own, most in [
        (vectors.index, vectors.files, MAX_TOTAL_BYTES),
        (codecs.index, of_codecs, MAX_TOTAL_BYTES_OF_CODECS),
    ]:
        total = sum(map(len, own.values()))
        print(f"{len(index)} vectors in {len(own)} files, {total} bytes")
        assert total < most, f"{total} bytes are too many"
    for path in sorted(directory.iterdir()):
        if path.name not in files:
            print(f"no longer part of the vectors: {path.name}")


if __name__ == "__main__":
    main()
