"""Chunks as h5py and netCDF4 store them in HDF5 files, with the filters that HDF5, h5py and hdf5plugin have."""

import tempfile
from pathlib import Path

import h5py
import netCDF4
import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t, h5z

from suites.codecs.stored_chunks import StoredChunk

BY_H5PY, BY_HDF5PLUGIN, BY_NETCDF4 = "h5py", "hdf5plugin", "netCDF4"

DEFLATE, SHUFFLE, FLETCHER32, NBIT, SCALE_OFFSET, LZF = 1, 2, 3, 5, 6, 32000


# --- Filters: functions that put one at the end of the pipeline of a new dataset ----------------------------


def hdf5_filter(number, *cd_values):
    """Any filter that has no function of its own. Optional: a chunk that it does not make smaller may go without."""
    return lambda pipeline: pipeline.set_filter(number, h5z.FLAG_OPTIONAL, cd_values)


def shuffle():
    return hdf5_filter(SHUFFLE)


def deflate(level=4):
    return hdf5_filter(DEFLATE, level)


def fletcher32():
    return lambda pipeline: pipeline.set_fletcher32()


def nbit():
    return hdf5_filter(NBIT)


def lzf():
    return hdf5_filter(LZF)


def szip(coding, pixels_per_block):
    """Coding is `nn` for nearest neighbour or `ec` for entropy."""
    mask = {"nn": h5z.SZIP_NN_OPTION_MASK, "ec": h5z.SZIP_EC_OPTION_MASK}[coding]
    return lambda pipeline: pipeline.set_szip(mask, pixels_per_block)


def scale_offset_of_integers(bits=0):
    """As many bits as the data need, if not told how many."""
    return lambda pipeline: pipeline.set_scaleoffset(h5z.SO_INT, bits)


def scale_offset_of_floats(digits):
    """That many decimal digits behind the point are kept, or before it if the number is negative."""
    return hdf5_filter(SCALE_OFFSET, h5z.SO_FLOAT_DSCALE, digits % 2**32)


def plugin(options):
    """A filter of hdf5plugin, such as hdf5plugin.Zstd()."""
    return hdf5_filter(options.filter_id, *options.filter_options)


# --- Files ---------------------------------------------------------------------------------------------------


def by_hdf5(array, filters, written_by=BY_H5PY, file_type=None, fill_value=None, skipped=None):
    """The chunk of a dataset that has no other one.

    A file type is one that NumPy has no dtype for, such as an integer of 17 bits. With skipped, a filter mask, the
    chunk is written past the library with these filters left out, as it allows programs to do.
    """
    stored, mask, pipeline = write(array, filters, file_type, fill_value)
    if skipped is not None:
        kept = [step for number, step in enumerate(filters) if not skipped >> number & 1]
        stored, mask = write(array, kept, file_type, fill_value)[0], skipped
    values, decoded = read(stored, mask, array, filters, file_type, fill_value)
    codecs = {"filters": pipeline} | ({"filter_mask": mask} if mask else {})
    return StoredChunk(written_by, values, stored, codecs, None, None if decoded == values.tobytes() else decoded)


def write(array, filters, file_type, fill_value):
    """The bytes of the chunk, its filter mask, and the filters as the file lists them."""
    with new_file() as file:
        dataset = new_dataset(file, array, filters, file_type, fill_value)
        dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(array))
        file.flush()
        mask, stored = dataset.read_direct_chunk((0,) * array.ndim)
        return bytes(stored), mask, listed_filters(dataset)


def read(stored, mask, array, filters, file_type, fill_value):
    """Has HDF5 read a chunk from a new file: the values, and the bytes before they become values of NumPy."""
    with new_file() as file:
        dataset = new_dataset(file, array, filters, file_type, fill_value)
        dataset.write_direct_chunk((0,) * array.ndim, stored, mask)
        file.flush()
        image = file.id.get_file_image()
    # The file that wrote a chunk past the library does not see its filter mask until it is opened again.
    with h5py.File(h5f.open_file_image(image)) as file:
        dataset = file["data"].id
        values, decoded = np.empty_like(array, order="C"), np.empty_like(array, order="C")
        dataset.read(h5s.ALL, h5s.ALL, values)
        dataset.read(h5s.ALL, h5s.ALL, decoded, mtype=dataset.get_type())
        return values, decoded.tobytes()


def new_file():
    return h5py.File("in-memory", "w", driver="core", backing_store=False)


def new_dataset(file, array, filters, file_type, fill_value):
    pipeline = h5p.create(h5p.DATASET_CREATE)
    pipeline.set_chunk(array.shape)
    pipeline.set_obj_track_times(False)
    if fill_value is not None:
        pipeline.set_fill_value(np.array(fill_value, array.dtype))
    for put in filters:
        put(pipeline)
    file_type = file_type or h5t.py_create(array.dtype)
    return h5d.create(file.id, b"data", file_type, h5s.create_simple(array.shape), pipeline)


def listed_filters(dataset):
    """The filters of a low-level dataset in the order of writing, as a request names them."""
    pipeline = dataset.get_create_plist()
    filters = [pipeline.get_filter(number) for number in range(pipeline.get_nfilters())]
    return [{"id": number, "cd_values": list(cd_values)} for number, _, cd_values, _ in filters]


def integer_of_bits(like, bits, offset):
    """An HDF5 type of that many bits, which begin at bit `offset` of an integer type."""
    file_type = like.copy()
    file_type.set_precision(bits)
    file_type.set_offset(offset)
    return file_type


def by_netcdf4(array, **options):
    """The chunk of a variable, written with the options of createVariable and read by that library too."""
    endian = "big" if array.dtype.str.startswith(">") else "little"
    names = [f"axis{number}" for number in range(array.ndim)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "variable.nc")
        with netCDF4.Dataset(path, "w") as file:
            for name, length in zip(names, array.shape):
                file.createDimension(name, length)
            options = {"chunksizes": array.shape, "endian": endian, "fill_value": False} | options
            file.createVariable("data", array.dtype, names, **options)[...] = array
        with netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            values = file["data"][...].astype(array.dtype)
        with h5py.File(path) as file:
            dataset = file["data"].id
            mask, stored = dataset.read_direct_chunk((0,) * array.ndim)
            assert np.array_equal(file["data"][...], values)
            codecs = {"filters": listed_filters(dataset)} | ({"filter_mask": mask} if mask else {})
    return StoredChunk(BY_NETCDF4, values, bytes(stored), codecs)


def split_compression(chunk):
    """The same chunk, its last filter named as the compression."""
    *filters, compression = chunk.codecs["filters"]
    codecs = chunk.codecs | {"filters": filters, "compression": compression}
    return StoredChunk(chunk.written_by, chunk.array, chunk.stored, codecs, chunk.place, chunk.decoded)


def named_by_numcodecs(chunk):
    """The same chunk, the filters named as numcodecs does where it has them: clients that know both may do so."""
    names = {
        DEFLATE: lambda values: {"id": "zlib", "level": values[0]},
        SHUFFLE: lambda values: {"id": "shuffle", "elementsize": values[0]},
        FLETCHER32: lambda values: {"id": "fletcher32"},
    }
    filters = [names[step["id"]](step["cd_values"]) for step in chunk.codecs["filters"]]
    codecs = chunk.codecs | {"filters": filters}
    return StoredChunk(chunk.written_by, chunk.array, chunk.stored, codecs, chunk.place, chunk.decoded)
