"""The golden chunks of every codec, for make_vectors.py: a covering choice of codecs, dtypes and shapes of data.

Each vector is a chunk of one library, after which it is called, and the fields of a request that describe it. It is
stored in the file of its own name, unless `file` names another one; a chunk of size 0 was never written. What it
decodes to is in `decoded`: the bytes after all codecs, in the order and byte order of storage. The values that a client
has to get are in `array` (C order, same byte order) where these differ: axes that are stored in another order, and
integers of less than all bits, of which filters of HDF5 leave the sign to whoever knows the type.
"""

import bz2
import gzip
import json
from dataclasses import replace

import h5py
import hdf5plugin
import netCDF4
import numcodecs
import numpy as np
import zarr.codecs
from h5py import h5t
from numcodecs.checksum32 import CRC32, CRC32C, Adler32

from suites.codecs.stored_chunks import BY_NUMCODECS, StoredChunk, by_numcodecs, decode_with_numcodecs, dtype_fields
from suites.codecs.stored_hdf5 import (
    BY_HDF5PLUGIN,
    by_hdf5,
    by_netcdf4,
    deflate,
    fletcher32,
    integer_of_bits,
    lzf,
    named_by_numcodecs,
    nbit,
    plugin,
    scale_offset_of_floats,
    scale_offset_of_integers,
    shuffle,
    split_compression,
    szip,
)
from suites.codecs.stored_zarr import by_zarr

SEED = 2
INDEX = "codecs.json"
FILL = np.float32(1e20)
LIBRARIES = {
    "numcodecs": numcodecs.__version__,
    "h5py": f"{h5py.__version__} (HDF5 {h5py.version.hdf5_version})",
    "hdf5plugin": hdf5plugin.version,
    "netCDF4": f"{netCDF4.__version__} (netCDF {netCDF4.__netcdf4libversion__}, HDF5 {netCDF4.__hdf5libversion__})",
    "zarr": zarr.__version__,
}


def make_arrays(wave):
    """The data, by the name of their `.raw` file: smooth with some noise, of both signs, and as few as will do."""
    dice = np.random.default_rng(SEED)
    wave = wave.astype("f8")
    short = wave[:48]  # a multiple of 8, and of 12 bytes
    gaps = short.astype("<f4")
    gaps[20:30] = FILL
    return {
        "float32": short.astype("<f4"),
        "float32-240": wave[:240].astype("<f4"),
        "float32-301": wave[:301].astype("<f4"),
        "float32-one": wave[:1].astype("<f4"),
        "float32-big": short.astype(">f4"),
        "float16": short.astype("<f2"),
        "float64": (short / 3).astype("<f8"),
        "float64-200": (wave[:200] / 3).astype("<f8"),
        "float64-big": (short / 3).astype(">f8"),
        "int8": short.astype("i1"),
        "uint8": (short / 2 + 100).astype("u1"),
        "uint8-401": (wave[:401] / 3 + 100).astype("u1"),
        "int16": (short * 4).astype("<i2"),
        "int16-401": (wave[:401] * 4).astype("<i2"),
        "int16-big": (short * 30).astype(">i2"),
        "uint16": (short * 50 + 1700).astype("<u2"),
        "uint16-11bits-big": ((short * 20).astype("i4") % 2000).astype(">u2"),
        "int32": (short * 100).astype("<i4"),
        "int32-big": (short * 10000).astype(">i4"),
        "uint32": (short * 1000 + 3e9).astype("<u4"),
        "int64": (short * 1e12).astype("<i8"),
        "int64-big": (short * 1e12).astype(">i8"),
        "uint64": (short * 1e12).astype("<i8").astype("<u8") + np.uint64(2**63),
        "grid": wave[:480].astype("<f4").reshape(6, 8, 10),
        "grid-big": wave[:192].astype(">f4").reshape(4, 6, 8),
        "zeros": np.zeros(48, "<f4"),
        "ones": np.ones(48, "<i2"),
        "noise": dice.integers(0, 2**32, 48, "<u4"),
        "noise-wide": dice.integers(-(2**63), 2**63, 24, "<i8"),
        "gaps": gaps,
        "gaps-int32": np.where(gaps == FILL, -999, gaps * 4).astype("<i4"),
        "steps": np.cumsum(dice.integers(-100, 100, 48)).astype("<i2"),
        "flags": (short > 3).astype("u1"),
        "flags-51": (wave[:51] > 3).astype("u1"),
    }


class CodecVectors:
    """Collects the vectors, and the bytes of the files that they name. Equal arrays share a file.

    Takes the wave that all data are made of, and the files that there are already.
    """

    def __init__(self, wave, files):
        self.arrays = make_arrays(wave)
        self.index = []
        self.files = {}
        self.raw_names = {content: name for name, content in files.items() if name.endswith(".raw")}
        self.stored_names = {}
        for name, array in self.arrays.items():
            self.raw_names.setdefault(array.tobytes(), f"codecs-{name}.raw")

    def add(self, name, chunk):
        assert all(vector["name"] != name for vector in self.index), f"two vectors are called {name}"
        raw = chunk.array.tobytes()
        decoded = raw if chunk.decoded is None else chunk.decoded
        vector = {"name": name} | self.stored_file(name, chunk.stored)
        if chunk.place:
            vector["offset"], vector["size"] = chunk.place
        elif "fill_value" in chunk.codecs:
            vector["size"] = 0
        vector |= chunk.codecs | dtype_fields(chunk.array)
        if chunk.array.ndim > 1:
            vector["shape"] = list(chunk.array.shape)
        vector["decoded"] = self.raw_file(name, decoded)
        if decoded != raw:
            vector["array"] = self.raw_file(f"{name}.array", raw)
        self.index.append(vector)

    def stored_file(self, name, stored):
        """Vectors of the same chunk, and those of one shard, share a file, which is called after the first of them."""
        if not stored:
            return {}
        file = self.stored_names.setdefault(stored, f"{name}.enc")
        self.files[file] = stored
        return {} if file == f"{name}.enc" else {"file": file}

    def raw_file(self, name, content):
        file = self.raw_names.setdefault(content, f"{name}.raw")
        self.files[file] = content
        return file

    def index_file(self):
        """One line for each vector, and the versions of the libraries that they name."""
        lines = ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in self.index)
        libraries = json.dumps(LIBRARIES, indent=1)
        return f'{{"libraries": {libraries},\n"vectors": [\n{lines}\n]}}\n'.encode()

    # --- What the libraries write ---

    def numcodecs(self, name, array_name, filters=(), compressor=None, typesize=None):
        chunk = by_numcodecs(self.arrays[array_name], filters, compressor, typesize)
        self.add(f"numcodecs-{name}-{array_name}", chunk)

    def hdf5(self, name, array_name, *filters, **options):
        chunk = by_hdf5(self.arrays[array_name], filters, **options)
        self.add(f"h5py-{name}-{array_name}", chunk)
        return chunk

    def plugin(self, name, array_name, *filters):
        chunk = by_hdf5(self.arrays[array_name], filters, written_by=BY_HDF5PLUGIN)
        self.add(f"hdf5plugin-{name}-{array_name}", chunk)
        return chunk

    def netcdf4(self, name, array_name, **options):
        chunk = by_netcdf4(self.arrays[array_name], **options)
        self.add(f"netcdf4-{name}-{array_name}", chunk)
        return chunk


def make_codec_vectors(wave, files):
    vectors = CodecVectors(wave, files)
    for add in (
        add_blosc,
        add_compressors,
        add_checksums,
        add_transforms,
        add_hdf5,
        add_hdf5_with_masks,
        add_numbers_of_few_bits,
        add_szip,
        add_plugins,
        add_netcdf4,
        add_zarr_v2,
        add_zarr_v3,
    ):
        add(vectors)
    return vectors


# --- numcodecs -----------------------------------------------------------------------------------------------


def add_blosc(vectors):
    shuffles = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
    for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        for shuffle_name, number in shuffles.items():
            blosc = numcodecs.Blosc(cname, 5, number)
            vectors.numcodecs(f"blosc-{cname}-{shuffle_name}", "float32-240", compressor=blosc)
    # Sizes of elements: of dtypes, and others. Above 255 Blosc takes 1.
    for array_name, typesize in [
        ("uint8-401", None),
        ("int16-401", None),
        ("float64-200", None),
        ("float32-big", None),
        ("float32-240", 3),
        ("float32-240", 12),
        ("float32-240", 320),
    ]:
        for cname, shuffle_name in [("lz4", "shuffle"), ("zstd", "bitshuffle")]:
            name = f"blosc-{cname}-{shuffle_name}" + (f"-typesize{typesize}" if typesize else "")
            blosc = numcodecs.Blosc(cname, 5, shuffles[shuffle_name])
            vectors.numcodecs(name, array_name, compressor=blosc, typesize=typesize)
    # Several blocks, the last one shorter, and of a number of elements that is no multiple of 8. Blosc compresses the
    # bytes of an element apart from each other only in larger blocks: of such chunks, which are too large to keep here,
    # test_codecs.py makes some.
    for array_name, cname, shuffle_name, block_size in [
        ("float32-301", "blosclz", "shuffle", 128),
        ("float32-301", "lz4hc", "noshuffle", 128),
        ("float32-301", "lz4", "shuffle", 128),
        ("float32-301", "lz4", "bitshuffle", 128),
        ("float32-301", "zstd", "shuffle", 256),
        ("float32-301", "zstd", "bitshuffle", 256),
        ("float32-301", "zlib", "bitshuffle", 128),
        ("float64-200", "lz4", "shuffle", 128),
        ("int16-401", "blosclz", "bitshuffle", 128),
        ("uint8-401", "lz4", "bitshuffle", 128),
        ("uint8-401", "zstd", "shuffle", 128),
        ("noise", "lz4", "shuffle", 128),
    ]:
        blosc = numcodecs.Blosc(cname, 5, shuffles[shuffle_name], block_size)
        vectors.numcodecs(f"blosc-{cname}-{shuffle_name}-block{block_size}", array_name, compressor=blosc)
    # Not compressed, whatever the header says of shuffling: by level, by size, and as it would not get smaller.
    for name, array_name, blosc in [
        ("blosc-lz4-level0", "float32", numcodecs.Blosc("lz4", 0, 1)),
        ("blosc-zstd-level0-bitshuffle", "float32", numcodecs.Blosc("zstd", 0, 2)),
        ("blosc-lz4", "float32-one", numcodecs.Blosc("lz4", 5, 1)),
        ("blosc-lz4", "noise", numcodecs.Blosc("lz4", 5, 1)),
        ("blosc-zstd", "noise-wide", numcodecs.Blosc("zstd", 9, 2)),
        ("blosc-lz4", "zeros", numcodecs.Blosc("lz4", 5, 1)),
        ("blosc-zstd", "zeros", numcodecs.Blosc("zstd", 9, 2)),
        ("blosc-blosclz-level9", "float32-301", numcodecs.Blosc("blosclz", 9, 1)),
        ("blosc-autoshuffle", "uint8-401", numcodecs.Blosc("lz4", 5, -1)),
        ("blosc-autoshuffle", "float32", numcodecs.Blosc("lz4", 5, -1)),
    ]:
        vectors.numcodecs(name, array_name, compressor=blosc)


def add_compressors(vectors):
    shuffle4 = numcodecs.Shuffle(4)
    for name, compressor in [
        ("bz2", numcodecs.BZ2(5)),
        ("zstd", numcodecs.Zstd(5)),
        ("lz4", numcodecs.LZ4()),
    ]:
        for array_name in ("float32", "int64-big", "uint8-401", "float32-one", "noise", "zeros"):
            vectors.numcodecs(name, array_name, compressor=compressor)
        vectors.numcodecs(f"shuffle4-{name}", "float32-big", [shuffle4], compressor)
        vectors.numcodecs(f"shuffle4-{name}", "float32-301", [shuffle4], compressor)
    vectors.numcodecs("bz2-level9", "float64", compressor=numcodecs.BZ2(9))
    vectors.numcodecs("zstd-level-5", "float32", compressor=numcodecs.Zstd(-5))
    vectors.numcodecs("zstd-level19-checksum", "float64", compressor=numcodecs.Zstd(19, checksum=True))
    vectors.numcodecs("lz4-acceleration20", "float64", compressor=numcodecs.LZ4(20))
    add_concatenated(vectors)


def add_concatenated(vectors):
    """Streams and frames one after the other, which decode to one sequence of bytes."""
    array = vectors.arrays["float32"]
    data = array.tobytes()
    zstd = numcodecs.Zstd(3)
    for name, configuration, stored in [
        ("bz2-two-streams", {"id": "bz2", "level": 1}, bz2.compress(data[:200], 1) + bz2.compress(data[200:], 9)),
        ("zstd-two-frames", zstd.get_config(), zstd.encode(data[:200]) + zstd.encode(data[200:])),
    ]:
        assert decode_with_numcodecs(stored, [configuration]) == data, name
        vectors.add(f"numcodecs-{name}", StoredChunk(BY_NUMCODECS, array, stored, {"compression": configuration}))


def add_checksums(vectors):
    """Alone, behind compression as Zarr has them, before it, and at both ends of the data."""
    zlib = numcodecs.Zlib(4)
    for name, checksum in [
        ("crc32", CRC32()),
        ("crc32-start", CRC32("start")),
        ("crc32-end", CRC32("end")),
        ("crc32c", CRC32C()),
        ("crc32c-start", CRC32C("start")),
        ("crc32c-end", CRC32C("end")),
        ("adler32", Adler32()),
        ("adler32-end", Adler32("end")),
        ("fletcher32", numcodecs.Fletcher32()),
    ]:
        vectors.numcodecs(name, "float32", [checksum])
        vectors.numcodecs(f"{name}-zlib", "uint8", [checksum], zlib)
    for array_name in ("uint8-401", "float64", "int16-big", "float32-one"):  # an odd number of bytes, and others
        vectors.numcodecs("fletcher32", array_name, [numcodecs.Fletcher32()])
    vectors.numcodecs("shuffle4-zlib-crc32", "float32", [numcodecs.Shuffle(4), zlib, CRC32()])
    vectors.numcodecs("shuffle4-zlib-fletcher32", "float32", [numcodecs.Shuffle(4), zlib], numcodecs.Fletcher32())


def add_transforms(vectors):
    """Filters that change the numbers; those that lose something decode to what is left."""
    zlib, blosc = numcodecs.Zlib(4), numcodecs.Blosc("zstd", 5, 1)
    scaled = numcodecs.FixedScaleOffset
    for name, array_name, filters in [
        ("delta", "int16", [numcodecs.Delta("<i2")]),
        ("delta-i1", "steps", [numcodecs.Delta("<i2", "i1")]),
        ("delta", "uint8-401", [numcodecs.Delta("u1")]),
        ("delta", "int32-big", [numcodecs.Delta(">i4")]),
        ("delta-little", "int32-big", [numcodecs.Delta(">i4", "<i4")]),
        ("delta", "int64-big", [numcodecs.Delta(">i8")]),
        ("delta", "float32", [numcodecs.Delta("<f4")]),
        ("delta", "float64", [numcodecs.Delta("<f8")]),
        ("delta-shuffle2", "int16", [numcodecs.Delta("<i2"), numcodecs.Shuffle(2)]),
        ("scaleoffset-i2", "float32", [scaled(offset=1.5, scale=10, dtype="<f4", astype="<i2")]),
        ("scaleoffset-i4", "float64", [scaled(offset=-3, scale=1e5, dtype="<f8", astype="<i4")]),
        ("scaleoffset-u1", "float64", [scaled(offset=-30, scale=4, dtype="<f8", astype="u1")]),
        ("scaleoffset-f4", "float32", [scaled(offset=0.1, scale=7, dtype="<f4")]),
        ("scaleoffset-f4", "float64", [scaled(offset=0.1, scale=7, dtype="<f8", astype="<f4")]),
        ("scaleoffset-u2", "float32-big", [scaled(offset=-100, scale=100, dtype=">f4", astype="<u2")]),
        ("scaleoffset-u1", "int32", [scaled(offset=-3000, scale=0.04, dtype="<i4", astype="u1")]),
        ("quantize3", "float64", [numcodecs.Quantize(3, "<f8")]),
        ("quantize2-f4", "float64", [numcodecs.Quantize(2, "<f8", "<f4")]),
        ("quantize1", "float32", [numcodecs.Quantize(1, "<f4")]),
        ("quantize1-f2", "float32-big", [numcodecs.Quantize(1, ">f4", "<f2")]),
        ("bitround5", "float16", [numcodecs.BitRound(5)]),
        ("bitround7", "float32", [numcodecs.BitRound(7)]),
        ("bitround20", "float64", [numcodecs.BitRound(20)]),
        ("astype-f4", "float64", [numcodecs.AsType("<f4", "<f8")]),
        ("astype-f8", "float32", [numcodecs.AsType("<f8", "<f4")]),
        ("astype-i2", "int32", [numcodecs.AsType("<i2", "<i4")]),
        ("astype-big-i4", "float64", [numcodecs.AsType(">i4", "<f8")]),
        ("astype-f2", "float32-big", [numcodecs.AsType("<f2", ">f4")]),
        ("packbits", "flags", [numcodecs.PackBits()]),
        ("packbits", "flags-51", [numcodecs.PackBits()]),
        ("scaleoffset-delta", "float32", [scaled(0, 4, "<f4", "<i2"), numcodecs.Delta("<i2")]),
    ]:
        vectors.numcodecs(f"{name}-zlib", array_name, filters, zlib)
    vectors.numcodecs("delta-blosc", "int16", [numcodecs.Delta("<i2")], blosc)
    vectors.numcodecs("bitround7-shuffle4-blosc", "float32", [numcodecs.BitRound(7), numcodecs.Shuffle(4)], blosc)
    vectors.numcodecs("packbits", "flags", [numcodecs.PackBits()])


# --- HDF5's own filters --------------------------------------------------------------------------------------


def add_hdf5(vectors):
    # What cmip7repack writes, in the three ways in which requests can say it.
    for array_name in ("float32", "float64", "float32-big", "grid"):
        chunk = vectors.hdf5("shuffle-deflate-fletcher32", array_name, shuffle(), deflate(), fletcher32())
        if array_name == "float32":
            vectors.add("h5py-shuffle-deflate-fletcher32-split", split_compression(chunk))
            vectors.add("h5py-shuffle-deflate-fletcher32-numcodecs", named_by_numcodecs(chunk))
    chunk = vectors.hdf5("shuffle-deflate", "int16", shuffle(), deflate())
    vectors.add("h5py-shuffle-deflate-split", split_compression(chunk))
    vectors.hdf5("deflate-fletcher32", "uint8-401", deflate(), fletcher32())
    # Checksums before compression. The shuffle leaves the bytes at the end that make no element of its size.
    for array_name in ("uint8-401", "int16", "float32", "float64"):
        vectors.hdf5("fletcher32-shuffle-deflate", array_name, fletcher32(), shuffle(), deflate())
    for array_name in ("uint8-401", "int16-401", "float32-one"):
        vectors.hdf5("fletcher32", array_name, fletcher32())
    vectors.hdf5("shuffle-fletcher32", "float64", shuffle(), fletcher32())
    for array_name in ("uint8", "int16", "float32", "float64", "float32-big", "zeros"):
        vectors.hdf5("lzf", array_name, lzf())
        if array_name != "uint8":
            vectors.hdf5("shuffle-lzf", array_name, shuffle(), lzf())
    vectors.hdf5("shuffle-lzf-fletcher32", "float32-301", shuffle(), lzf(), fletcher32())


def add_hdf5_with_masks(vectors):
    """Filters that a chunk went without: because it would not get smaller, or because a program left them out."""
    for name, filters in [
        ("lzf", [lzf()]),
        ("shuffle-lzf", [shuffle(), lzf()]),
        ("shuffle-lzf-fletcher32", [shuffle(), lzf(), fletcher32()]),
    ]:
        chunk = vectors.hdf5(f"mask-{name}", "noise", *filters)
        assert chunk.codecs["filter_mask"]
    chunk = vectors.plugin("mask-blosc", "noise", plugin(hdf5plugin.Blosc("lz4", 5, 1)))
    assert chunk.codecs["filter_mask"]
    repacked = [shuffle(), deflate(), fletcher32()]
    for mask in range(8):
        vectors.hdf5(f"mask{mask}-shuffle-deflate-fletcher32", "float32", *repacked, skipped=mask)
    for mask in (1, 2, 3):  # the compression is the filter after all others
        chunk = by_hdf5(vectors.arrays["float64"], [shuffle(), deflate()], skipped=mask)
        vectors.add(f"h5py-mask{mask}-shuffle-deflate-split-float64", split_compression(chunk))


def add_numbers_of_few_bits(vectors):
    """The filters scaleoffset and nbit."""
    integers = [scale_offset_of_integers()]
    for array_name in (
        *("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
        *("int16-big", "int32-big", "int64-big"),
        *("ones", "noise", "noise-wide", "uint8-401"),
    ):
        vectors.hdf5("scaleoffset", array_name, *integers)
    vectors.hdf5("scaleoffset-fill", "gaps-int32", *integers, fill_value=-999)
    vectors.hdf5("scaleoffset-fill", "ones", *integers, fill_value=1)
    vectors.hdf5("scaleoffset-13bits", "int32", scale_offset_of_integers(13))
    vectors.hdf5("scaleoffset-deflate", "int16", *integers, deflate())
    vectors.hdf5("scaleoffset-shuffle-deflate-fletcher32", "int32", *integers, shuffle(), deflate(), fletcher32())
    for array_name, digits in [
        ("float32", 2),
        ("float32", 0),
        ("float32", -1),
        ("float64", 3),
        ("float64", 8),
        ("float32-big", 1),
        ("float64-big", 4),
        ("zeros", 2),
    ]:
        vectors.hdf5(f"scaleoffset-digits{digits}", array_name, scale_offset_of_floats(digits))
    vectors.hdf5("scaleoffset-digits2-fill", "gaps", scale_offset_of_floats(2), fill_value=FILL)

    # Of values below zero, nbit leaves the bits above their precision unset; what reads them extends the sign.
    for name, array_name, file_type in [
        ("11bits", "uint16-11bits-big", integer_of_bits(h5t.STD_U16BE, 11, 0)),
        ("14bits-at2", "uint16", integer_of_bits(h5t.STD_U16LE, 14, 2)),
        ("17bits", "int32", integer_of_bits(h5t.STD_I32LE, 17, 0)),
        ("17bits-at3", "int32", integer_of_bits(h5t.STD_I32LE, 17, 3)),
        ("29bits-big", "int32-big", integer_of_bits(h5t.STD_I32BE, 29, 1)),
        ("7bits", "int8", integer_of_bits(h5t.STD_I8LE, 7, 0)),
        ("50bits", "int64", integer_of_bits(h5t.STD_I64LE, 50, 5)),
    ]:
        vectors.hdf5(f"nbit-{name}", array_name, nbit(), file_type=file_type)
    vectors.hdf5("nbit-of-all-bits", "float32", nbit())
    seventeen = integer_of_bits(h5t.STD_I32LE, 17, 0)
    vectors.hdf5("nbit-17bits-deflate", "int32", nbit(), deflate(), file_type=seventeen)


def add_szip(vectors):
    for array_name, coding, pixels in [
        ("uint8", "nn", 8),
        ("int16", "nn", 16),
        ("int16-big", "ec", 16),
        ("float32", "nn", 16),
        ("float32", "ec", 8),
        ("float32", "nn", 32),
        ("float32-big", "nn", 8),
        ("float64", "nn", 32),
        ("float64-big", "ec", 4),
        ("int64-big", "nn", 16),
        ("float32-301", "nn", 16),
        ("uint8-401", "ec", 32),
        ("grid", "nn", 4),
        ("zeros", "nn", 32),
    ]:
        vectors.hdf5(f"szip-{coding}{pixels}", array_name, szip(coding, pixels))
    vectors.hdf5("shuffle-szip-nn8", "float32", shuffle(), szip("nn", 8))
    vectors.hdf5("szip-nn16-fletcher32", "int32", szip("nn", 16), fletcher32())
    chunk = vectors.hdf5("mask-szip-nn16", "noise", szip("nn", 16))
    assert chunk.codecs["filter_mask"]


# --- hdf5plugin ----------------------------------------------------------------------------------------------


def add_plugins(vectors):
    for array_name in ("float32", "int16", "noise"):
        vectors.plugin("bzip2", array_name, plugin(hdf5plugin.BZip2()))
        vectors.plugin("zstd", array_name, plugin(hdf5plugin.Zstd(5)))
        vectors.plugin("lz4", array_name, plugin(hdf5plugin.LZ4()))
    vectors.plugin("shuffle-bzip2", "float64", shuffle(), plugin(hdf5plugin.BZip2(1)))
    vectors.plugin("shuffle-zstd", "float32-big", shuffle(), plugin(hdf5plugin.Zstd()))
    vectors.plugin("shuffle-zstd-fletcher32", "float64", shuffle(), plugin(hdf5plugin.Zstd()), fletcher32())
    vectors.plugin("shuffle-lz4", "float64", shuffle(), plugin(hdf5plugin.LZ4()))
    vectors.plugin("shuffle-lz4-block500", "float32-301", shuffle(), plugin(hdf5plugin.LZ4(nbytes=500)))
    vectors.plugin("lz4-block128", "noise", plugin(hdf5plugin.LZ4(nbytes=128)))
    add_bitshuffle(vectors)
    add_blosc_of_hdf5(vectors)
    add_blosc2(vectors)


def add_bitshuffle(vectors):
    """Blocks of a multiple of 8 elements, and elements left at the end that make no 8."""
    bitshuffle = hdf5plugin.Bitshuffle
    for cname in ("none", "lz4", "zstd"):
        for array_name in ("uint8", "int16", "float32", "float64", "float32-big", "float32-301"):
            vectors.plugin(f"bitshuffle-{cname}", array_name, plugin(bitshuffle(cname=cname)))
        for array_name in ("float32-301", "uint8-401"):
            vectors.plugin(f"bitshuffle-{cname}-block64", array_name, plugin(bitshuffle(nelems=64, cname=cname)))
    vectors.plugin("bitshuffle-lz4", "noise", plugin(bitshuffle(cname="lz4")))
    vectors.plugin("bitshuffle-zstd", "float32-one", plugin(bitshuffle(cname="zstd")))
    vectors.plugin("bitshuffle-none-deflate", "float32", plugin(bitshuffle(cname="none")), deflate())


def add_blosc_of_hdf5(vectors):
    for cname in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"):
        vectors.plugin(f"blosc-{cname}-shuffle", "float32-240", plugin(hdf5plugin.Blosc(cname, 5, 1)))
    for shuffle_name, number in [("noshuffle", 0), ("bitshuffle", 2)]:
        blosc = plugin(hdf5plugin.Blosc("snappy", 5, number))
        vectors.plugin(f"blosc-snappy-{shuffle_name}", "float32-240", blosc)
    for array_name in ("int16-401", "float64", "float32-big", "float32-301"):
        vectors.plugin("blosc-lz4-bitshuffle", array_name, plugin(hdf5plugin.Blosc("lz4", 9, 2)))
    vectors.plugin("blosc-lz4-fletcher32", "float32", plugin(hdf5plugin.Blosc("lz4", 5, 1)), fletcher32())
    vectors.plugin("shuffle-blosc-lz4-noshuffle", "float32", shuffle(), plugin(hdf5plugin.Blosc("lz4", 5, 0)))


def add_blosc2(vectors):
    """One dimension makes a plain frame, several make one in which blocks are parts of the array."""
    blosc2 = hdf5plugin.Blosc2
    for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        vectors.plugin(f"blosc2-{cname}-shuffle", "float32", plugin(blosc2(cname, 5, 1)))
    for name, filters in [("nofilter", 0), ("bitshuffle", 2), ("delta", 3)]:
        vectors.plugin(f"blosc2-lz4-{name}", "float32", plugin(blosc2("lz4", 5, filters)))
    for array_name in ("uint8-401", "int16", "float64", "float32-big", "zeros", "ones", "noise", "grid"):
        vectors.plugin("blosc2-zstd-shuffle", array_name, plugin(blosc2("zstd", 5, 1)))
    vectors.plugin("blosc2-lz4-level0", "float32", plugin(blosc2("lz4", 0, 1)))
    vectors.plugin("blosc2-lz4-fletcher32", "float32", plugin(blosc2("lz4", 5, 1)), fletcher32())
    # hdf5plugin has no name for the size of a block, the filter has.
    number = blosc2.filter_id
    for array_name, shuffle_number, block_size in [
        ("float32-301", 1, 512),
        ("float32-301", 2, 512),
        ("float64-200", 1, 1024),
        ("grid", 1, 256),
        ("grid", 2, 512),
        ("grid-big", 1, 256),
    ]:
        block = hdf5_filter_of_blosc2(number, block_size, shuffle_number)
        name = f"blosc2-lz4-{['nofilter', 'shuffle', 'bitshuffle'][shuffle_number]}-block{block_size}"
        vectors.plugin(name, array_name, block)


def hdf5_filter_of_blosc2(number, block_size, shuffle_number):
    lz4 = 1
    return lambda pipeline: pipeline.set_filter(number, 1, (0, block_size, 0, 0, 5, shuffle_number, lz4))


# --- netCDF4 -------------------------------------------------------------------------------------------------


def add_netcdf4(vectors):
    """This library puts the checksum before the shuffle."""
    for array_name in ("float32", "float64", "int16-big", "grid"):
        options = {"compression": "zlib", "complevel": 4, "shuffle": True, "fletcher32": True}
        vectors.netcdf4("zlib-shuffle-fletcher32", array_name, **options)
    for name, array_name, options in [
        ("zstd-shuffle", "float32", {"compression": "zstd", "shuffle": True}),
        ("bzip2", "float64", {"compression": "bzip2"}),
        ("szip-nn8", "float32", {"compression": "szip", "szip_coding": "nn", "szip_pixels_per_block": 8}),
        ("szip-ec32", "int16", {"compression": "szip", "szip_coding": "ec", "szip_pixels_per_block": 32}),
        ("blosc-lz4-bitshuffle", "float32", {"compression": "blosc_lz4", "blosc_shuffle": 2}),
        ("blosc-zstd-shuffle", "float64", {"compression": "blosc_zstd", "blosc_shuffle": 1}),
        ("blosc-blosclz-shuffle", "float32-big", {"compression": "blosc_lz", "blosc_shuffle": 1}),
        ("zstd-fletcher32", "int16", {"compression": "zstd", "fletcher32": True}),
    ]:
        vectors.netcdf4(name, array_name, **options)
    for mode in ("BitGroom", "BitRound", "GranularBitRound"):
        digits = 9 if mode == "BitRound" else 3  # bits of it
        options = {"compression": "zlib", "shuffle": True, "significant_digits": digits, "quantize_mode": mode}
        chunk = vectors.netcdf4(f"{mode.lower()}-zlib-shuffle", "float32", **options)
        # netCDF4 does this itself. There is a filter for two of these modes too, of which files tell.
        number = {"BitGroom": 32022, "GranularBitRound": 32023}.get(mode)
        if number:
            listed = [{"id": number, "cd_values": [digits, 4, 0, 0, 0]}, *chunk.codecs["filters"]]
            vectors.add(f"netcdf4-filter-{mode.lower()}-zlib-shuffle", replace(chunk, codecs={"filters": listed}))


# --- Zarr ----------------------------------------------------------------------------------------------------


def add_zarr_v2(vectors):
    blosc = numcodecs.Blosc()
    for name, array_name, chunk_shape, options in [
        ("blosc", "grid", (4, 8, 6), {"compressors": blosc}),
        ("default", "grid", (3, 8, 5), {}),
        ("blosc-big", "grid-big", (4, 6, 5), {"compressors": blosc}),
        ("blosc-fortran", "grid", (3, 4, 10), {"compressors": blosc, "order": "F"}),
        ("fortran", "grid-big", (4, 3, 2), {"compressors": None, "order": "F"}),
        ("delta-zlib", "grid", (6, 4, 5), {"compressors": numcodecs.Zlib(), "filters": [numcodecs.Delta("<f4")]}),
        ("crc32-blosc", "grid", (6, 4, 5), {"compressors": blosc, "filters": [CRC32()]}),
    ]:
        chunks = by_zarr(vectors.arrays[array_name], chunk_shape, 2, **options)
        vectors.add(f"zarr2-{name}", list(chunks.values())[-1])  # with what is beyond the end of the array
    add_never_written(vectors, 2)


def add_zarr_v3(vectors):
    codecs = zarr.codecs
    big, transposed = codecs.BytesCodec(endian="big"), codecs.TransposeCodec(order=(2, 0, 1))
    blosc = codecs.BloscCodec(cname="lz4", shuffle="bitshuffle")
    for name, array_name, chunk_shape, options in [
        ("default", "grid", (3, 8, 5), {}),
        ("bytes", "float64", (24,), {"compressors": None}),
        ("bytes-uint8", "uint8", (24,), {"compressors": None}),
        ("big", "int16-big", (20,), {"compressors": None, "serializer": big}),
        ("gzip", "int64", (24,), {"compressors": codecs.GzipCodec()}),
        ("zstd-checksum", "float32", (48,), {"compressors": codecs.ZstdCodec(level=3, checksum=True)}),
        ("blosc", "grid", (4, 8, 6), {"compressors": codecs.BloscCodec()}),
        ("blosc-bitshuffle", "float64", (48,), {"compressors": blosc}),
        ("blosc-noshuffle", "int16", (48,), {"compressors": codecs.BloscCodec(shuffle="noshuffle")}),
        ("crc32c", "uint8", (48,), {"compressors": codecs.Crc32cCodec()}),
        ("zstd-crc32c", "grid", (6, 4, 5), {"compressors": [codecs.ZstdCodec(), codecs.Crc32cCodec()]}),
        ("big-blosc-crc32c", "grid-big", (4, 6, 5), {"serializer": big, "compressors": [blosc, codecs.Crc32cCodec()]}),
        ("transpose", "grid", (3, 4, 10), {"filters": [transposed], "compressors": None}),
        ("transpose-zstd", "grid", (6, 4, 5), {"filters": [transposed]}),
        ("transpose-big-gzip", "grid-big", (4, 3, 4), {
            "filters": [codecs.TransposeCodec(order=(1, 2, 0))], "serializer": big, "compressors": codecs.GzipCodec(),
        }),
    ]:  # fmt: skip
        chunks = by_zarr(vectors.arrays[array_name], chunk_shape, 3, **options)
        chunk = list(chunks.values())[-1]
        vectors.add(f"zarr3-{name}", without_time(chunk) if "gzip" in name else chunk)
    add_shards(vectors)
    add_never_written(vectors, 3)


def without_time(chunk):
    """A gzip member without the time of writing, which would make it another one each time."""
    stored = chunk.stored[:4] + bytes(4) + chunk.stored[8:]
    assert gzip.decompress(stored) == gzip.decompress(chunk.stored)
    return replace(chunk, stored=stored)


def add_shards(vectors):
    """Of each shard its first chunk, one in the middle, and one that is not there."""
    codecs = zarr.codecs
    grid = vectors.arrays["grid"].copy()
    grid[3:, 4:, 5:] = 0  # the last chunk holds the fill value alone: it is not stored
    for name, array, options in [
        ("shard", grid, {}),
        ("shard-start", grid, {"shards": {"shape": (6, 8, 10), "index_location": "start"}}),
        ("shard-blosc-crc32c", grid, {"compressors": [codecs.BloscCodec(), codecs.Crc32cCodec()]}),
        ("shard-transpose", grid, {"filters": [codecs.TransposeCodec(order=(2, 0, 1))]}),
        ("shard-big", grid.astype(">f4"), {"serializer": codecs.BytesCodec(endian="big"), "compressors": None}),
        ("shard-edge", grid[:, :, :8], {"fill_value": float("nan")}),
    ]:
        chunks = list(by_zarr(array, (3, 4, 5), 3, **{"shards": (6, 8, 10)} | options).values())
        for number in (0, len(chunks) // 2 + 1, len(chunks) - 1):
            vectors.add(f"zarr3-{name}-chunk{number}", chunks[number])


def add_never_written(vectors, zarr_format):
    """Chunks that hold nothing but the fill value have no object."""
    for name, dtype, fill_value in [
        ("nan", "<f4", float("nan")),
        ("1e20", "<f8", 1e20),
        ("infinity", "<f4", float("-inf")),
        ("0", "<i2", 0),
        ("-999", "<i4", -999),
    ]:
        array = np.full((6, 4), fill_value, dtype)
        options = {"fill_value": fill_value, "config": {"write_empty_chunks": False}}
        (chunk,) = by_zarr(array, (6, 4), zarr_format, **options).values()
        assert not chunk.stored
        vectors.add(f"zarr{zarr_format}-never-written-{name}", chunk)
