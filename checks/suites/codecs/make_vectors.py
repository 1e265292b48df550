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

The same bytes are written each time, as long as Python itself is linked with the same zlib: another one may
compress differently, to chunks that decode to the same. Everything written is read back and decoded again
before the script ends: by the library that encoded it, and that of the first index by a second way that uses
neither library.
"""

import argparse
import hashlib
import json
import zlib
from pathlib import Path

import h5py
import numcodecs
import numpy as np

from harness.places import ROOT
from suites.codecs import vectors as codec_vectors

INDEX = "vectors.json"
SEED = 1
BY_NUMCODECS = f"numcodecs {numcodecs.__version__}"
BY_H5PY = f"h5py {h5py.__version__} (HDF5 {h5py.version.hdf5_version})"

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


# --- Encoding --------------------------------------------------------------------------------------------


def encode_gzip(data, level):
    """One gzip member, without the time of writing that Python puts in bytes 4 to 7 of its header."""
    encoded = bytearray(numcodecs.GZip(level).encode(data))
    encoded[4:8] = bytes(4)
    return bytes(encoded)


def encode_zlib(data, level):
    return bytes(numcodecs.Zlib(level).encode(data))


ENCODERS = {"zlib": encode_zlib, "gzip": encode_gzip}


def encode_numcodecs(array, compression, element_sizes, level):
    """Shuffles by each of the element sizes in turn, then compresses."""
    data = array.tobytes()
    for element_size in element_sizes:
        data = bytes(numcodecs.Shuffle(element_size).encode(data))
    return ENCODERS[compression](data, level) if compression else data


def h5py_dataset(file, array, compression, shuffle):
    """A dataset of a single chunk, with nothing written to it yet."""
    # What HDF5 calls gzip is a zlib stream.
    options = {"compression": "gzip", "compression_opts": 4} if compression else {}
    return file.create_dataset(
        "data", array.shape, array.dtype, chunks=array.shape, shuffle=shuffle, track_times=False, **options
    )


def h5py_file():
    return h5py.File("in-memory", "w", driver="core", backing_store=False)


def encode_h5py(array, compression, shuffle):
    """The bytes that HDF5 writes for a dataset of one chunk."""
    with h5py_file() as file:
        dataset = h5py_dataset(file, array, compression, shuffle)
        dataset[...] = array
        file.flush()
        filter_mask, encoded = dataset.id.read_direct_chunk((0,) * array.ndim)
    assert filter_mask == 0, "HDF5 skipped a filter"
    return bytes(encoded)


# --- The vectors -----------------------------------------------------------------------------------------


class Vectors:
    """Collects the vectors, and the bytes of the files that they name."""

    def __init__(self):
        self.arrays = make_arrays()
        self.index = []
        self.files = {}

    def add(self, name, written_by, array_name, encoded, compression, element_sizes):
        array = self.arrays[array_name]
        raw = array.tobytes()
        file, decoded = f"{name}.enc", f"{array_name}.raw"
        assert file not in self.files, f"two vectors are called {name}"
        self.files[file] = encoded
        self.files[decoded] = raw
        self.index.append(
            {
                "name": name,
                "written_by": written_by,
                "file": file,
                "compression": {"id": compression} if compression else None,
                "filters": [{"id": "shuffle", "element_size": size} for size in element_sizes],
                "dtype": array.dtype.name,
                "byte_order": "big" if array.dtype.str.startswith(">") else "little",
                "decoded_sha256": hashlib.sha256(raw).hexdigest(),
                "decoded_len": len(raw),
                "decoded": decoded,
            }
        )

    def add_numcodecs(self, array_name, compression, element_sizes=(), level=None):
        """A vector named after what was done, such as `numcodecs-shuffle4-zlib-float32`."""
        steps = [f"shuffle{size}" for size in element_sizes]
        if compression:
            steps.append(compression if level is None else f"{compression}{level}")
        name = "-".join(["numcodecs", *steps, array_name])
        array = self.arrays[array_name]
        encoded = encode_numcodecs(array, compression, element_sizes, 5 if level is None else level)
        self.add(name, BY_NUMCODECS, array_name, encoded, compression, element_sizes)

    def add_h5py(self, array_name, compression, shuffle):
        array = self.arrays[array_name]
        steps = (["shuffle"] if shuffle else []) + (["gzip"] if compression else [])
        name = "-".join(["h5py", *steps, array_name])
        element_sizes = [array.itemsize] if shuffle else []
        encoded = encode_h5py(array, compression, shuffle)
        self.add(name, BY_H5PY, array_name, encoded, compression, element_sizes)


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
    data = vectors.arrays["float32"].tobytes()
    two_members = encode_gzip(data[:500], 1) + encode_gzip(data[500:], 9)
    vectors.add("numcodecs-gzip-two-members-float32", BY_NUMCODECS, "float32", two_members, "gzip", [])

    for array_name in ("int16", "float32", "float64", "int32-big"):
        vectors.add_h5py(array_name, "zlib", shuffle=False)
        vectors.add_h5py(array_name, "zlib", shuffle=True)
    vectors.add_h5py("float32", None, shuffle=True)

    return vectors


# --- Verification ----------------------------------------------------------------------------------------


def decode_with_numcodecs(vector, encoded):
    data = encoded
    if vector["compression"]:
        data = numcodecs.get_codec(vector["compression"]).decode(data)
    for filter_ in reversed(vector["filters"]):
        codec_config = {"id": filter_["id"], "elementsize": filter_["element_size"]}
        data = numcodecs.get_codec(codec_config).decode(data)
    return bytes(data)


def decode_with_h5py(vector, encoded):
    """Puts the encoded chunk into a new HDF5 file, and has HDF5 read it."""
    dtype = np.dtype(vector["dtype"]).newbyteorder(vector["byte_order"])
    like = np.empty(vector["decoded_len"] // dtype.itemsize, dtype)
    with h5py_file() as file:
        dataset = h5py_dataset(file, like, vector["compression"], shuffle=bool(vector["filters"]))
        dataset.id.write_direct_chunk((0,), encoded)
        return dataset[...].astype(dtype).tobytes()


def decode_by_hand(vector, encoded):
    """With Python's zlib and a transposition, to the last byte of the input."""
    data = encoded
    if vector["compression"]:
        window_bits = {"zlib": 15, "gzip": 16 + 15}[vector["compression"]["id"]]
        rest, data = encoded, b""
        while rest:
            member = zlib.decompressobj(window_bits)
            data += member.decompress(rest)
            assert member.eof
            rest = member.unused_data
    for filter_ in reversed(vector["filters"]):
        # Shuffled: first byte 0 of all elements, then byte 1 of all elements, ...
        data = np.frombuffer(data, np.uint8).reshape(filter_["element_size"], -1).T.tobytes()
    return data


def verify(directory):
    """Decodes every vector again, from the files alone."""
    for vector in json.loads((directory / INDEX).read_text())["vectors"]:
        encoded = (directory / vector["file"]).read_bytes()
        raw = (directory / vector["decoded"]).read_bytes()
        assert len(raw) == vector["decoded_len"]
        assert hashlib.sha256(raw).hexdigest() == vector["decoded_sha256"]
        library = decode_with_numcodecs if vector["written_by"] == BY_NUMCODECS else decode_with_h5py
        for decode in (library, decode_by_hand):
            assert decode(vector, encoded) == raw, f"{vector['name']}: {decode.__name__} gives other bytes"


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
    verify(directory)

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
