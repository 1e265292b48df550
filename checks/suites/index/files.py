"""Small HDF5 and netCDF-4 files, each for something that an index has to get right."""

import h5py
import netCDF4
import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t

from suites.index import libhdf5

FILES = {}
TYPES = ["<i2", ">i4", "<f4", ">f8", "u1", "<f2", "i1", "<u8"]


def file(function):
    FILES[function.__name__.replace("_", "-")] = function
    return function


def numbers(shape, dtype="<f4", seed=0):
    values = np.random.default_rng(seed).integers(-100, 100, shape)
    return values.astype(dtype)


def _with_all_layouts(file, types=("<i2", ">f8")):
    file["contiguous"] = numbers((3, 5), ">i4")
    file["scalar"] = np.float64(2.5)
    file.create_dataset("never-written", (4, 3), "<i2", fillvalue=-7)
    file.create_dataset("empty", (0, 3), "<f4", chunks=(1, 3), maxshape=(None, 3))
    file.create_dataset("edges", data=numbers((5, 7), "<i2"), chunks=(2, 3))
    partly = file.create_dataset(
        "partly", (6, 6), ">f4", chunks=(2, 2), fillvalue=1.5, compression="gzip", shuffle=True
    )
    partly[2:4, 3:5] = 4
    for number, dtype in enumerate(types):
        file.create_dataset(f"types/{dtype[-2:]}", data=numbers(6, dtype, number), chunks=(4,), compression="gzip")
    compact(file, "compact", numbers((2, 3), "<f8"))


def compact(file, name, values):
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_layout(h5d.COMPACT)
    space, kind = h5s.create_simple(values.shape), h5t.py_create(values.dtype)
    h5py.Dataset(h5d.create(file.id, name.encode(), kind, space, creation))[...] = values


def _low_level(path, settings, **others):
    creation = h5p.create(h5p.FILE_CREATE)
    settings(creation)
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(*others.get("libver", (h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)))
    return h5py.File(h5f.create(str(path).encode(), h5f.ACC_TRUNC, creation, access))


@file
def superblock_0(path):
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:
        _with_all_layouts(file)


@file
def superblock_1(path):
    with _low_level(path, lambda creation: libhdf5.set_chunk_rank(creation, 2)) as file:
        file.create_dataset("many", data=numbers((40, 3), "<i2"), chunks=(1, 2))
        file.create_dataset("some", (64, 4), "<f4", chunks=(2, 2))[10:31:7, :3] = 1


@file
def superblock_2(path):
    with h5py.File(path, "w", libver=("v108", "v108")) as file:
        _with_all_layouts(file)


@file
def superblock_3(path):
    with h5py.File(path, "w", libver="latest") as file:
        _with_all_layouts(file, TYPES)


@file
def user_block(path):
    with h5py.File(path, "w", userblock_size=1024) as file:
        _with_all_layouts(file, types=())
    with open(path, "r+b") as file:
        file.write(b"not HDF5")


@file
def short_addresses(path):
    with _low_level(path, lambda creation: creation.set_sizes(4, 4)) as file:
        _with_all_layouts(file, types=())
        file.attrs["text"] = "of variable length"


@file
def single_chunks(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("plain", data=numbers((3, 4)), chunks=(3, 4))
        file.create_dataset("filtered", data=numbers((3, 4)), chunks=(3, 4), compression="gzip")
        file.create_dataset("unwritten", (3, 4), "<f4", chunks=(3, 4), fillvalue=9)


@file
def implicit_index(path):
    with h5py.File(path, "w", libver="latest") as file:
        creation = h5p.create(h5p.DATASET_CREATE)
        creation.set_chunk((2, 3))
        creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        values = numbers((5, 7), ">i2")
        dataset = h5d.create(file.id, b"early", h5t.py_create(values.dtype), h5s.create_simple((5, 7)), creation)
        h5py.Dataset(dataset)[...] = values


@file
def fixed_arrays(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("plain", data=numbers((5, 7)), chunks=(2, 3))
        file.create_dataset("filtered", data=numbers((5, 7)), chunks=(2, 3), compression="gzip")
        # The array may become larger, and chunks are numbered by what it may become.
        file.create_dataset("growing", data=numbers((5, 7)), chunks=(2, 3), maxshape=(10, 20))
        # The index is in two pages, of which the first is never written.
        some = file.create_dataset("pages", (1500,), "u1", chunks=(1,), fillvalue=3)
        some[1100], some[1499] = 2, 4


@file
def extensible_arrays(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("first", data=numbers((150, 3), "i1"), chunks=(1, 2), maxshape=(None, 3))
        file.create_dataset("second", data=numbers((3, 40), "<i2"), chunks=(2, 3), maxshape=(5, None))
        file.create_dataset("third", data=numbers((3, 4, 9), "<i2"), chunks=(2, 2, 2), maxshape=(4, 4, None))
        file.create_dataset("filtered", data=numbers((90, 2)), chunks=(3, 2), maxshape=(None, 2), compression="gzip")
        file.create_dataset("gaps", (400,), "u1", chunks=(1,), maxshape=(None,), fillvalue=2)[[3, 70, 399]] = 7


@file
def trees_of_version_2(path):
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("plain", data=numbers((30, 22), "i1"), chunks=(1, 2), maxshape=(None, None))
        file.create_dataset("filtered", data=numbers((5, 7)), chunks=(2, 3), maxshape=(None, None), compression="gzip")
        file.create_dataset("empty", (5, 7), "<f4", chunks=(2, 3), maxshape=(None, None))


@file
def shrunk(path):
    with h5py.File(path, "w", libver="latest") as new:
        for number, maxshape in enumerate([(None, 12), (12, 12), (None, None)]):
            dataset = new.create_dataset(
                f"shrunk-{number}", data=numbers((12, 12), "<i2"), chunks=(5, 5), maxshape=maxshape
            )
            dataset.resize((7, 4))
            dataset.resize((9, 8))


@file
def shrunk_old(path):
    with h5py.File(path, "w", libver=("earliest", "v108")) as old:
        dataset = old.create_dataset("shrunk", data=numbers((12, 12), "<i2"), chunks=(5, 5), maxshape=(None, 12))
        dataset.resize((7, 4))
        dataset.resize((9, 8))


@file
def unwritten_chunks(path):
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:
        file.create_dataset("data", (3400,), "<f4", chunks=(1,))


@file
def filter_masks(path):
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("masked", (4, 4), "<i2", chunks=(2, 4), compression="gzip", shuffle=True)
        dataset[...] = numbers((4, 4), "<i2")
        dataset.id.write_direct_chunk((0, 0), numbers((2, 4), "<i2", 1).tobytes(), filter_mask=3)


@file
def raw_edges(path):
    with h5py.File(path, "w", libver="latest") as file:
        for name, maxshape in [("fixed", None), ("extensible", (None, 7)), ("tree", (None, None))]:
            creation = h5p.create(h5p.DATASET_CREATE)
            creation.set_chunk((2, 3))
            creation.set_deflate(5)
            libhdf5.leave_edges_raw(creation)
            space = h5s.create_simple((5, 7), maxshape and tuple(n or h5s.UNLIMITED for n in maxshape))
            values = numbers((5, 7), "<f4")
            dataset = h5d.create(file.id, name.encode(), h5t.py_create(values.dtype), space, creation)
            h5py.Dataset(dataset)[...] = values


@file
def shared_messages(path):
    with _low_level(path, libhdf5.share_messages) as file:
        for number in range(4):
            dataset = file.create_dataset(f"d{number}", data=numbers((3, 4), "<f8"), chunks=(2, 2), compression="gzip")
            dataset.attrs["units"] = np.bytes_("kg m-2 s-1 of a longer unit")


@file
def committed_types(path):
    with h5py.File(path, "w", libver="latest") as file:
        file["type"] = np.dtype(">f4")
        file.create_dataset("data", data=numbers((3, 4), ">f4"), dtype=file["type"])
        file["data"].attrs.create("committed", numbers(3, ">f4"), dtype=file["type"])
        file["data"].attrs["plain"] = 3


@file
def packed_bits(path):
    with h5py.File(path, "w") as file:
        for name, filters in [("nbit", [5]), ("none", [])]:
            creation = h5p.create(h5p.DATASET_CREATE)
            creation.set_chunk((4,))
            for number in filters:
                creation.set_filter(number)
            kind = h5t.STD_I16LE.copy()
            kind.set_precision(11)
            dataset = h5d.create(file.id, name.encode(), kind, h5s.create_simple((10,)), creation)
            h5py.Dataset(dataset)[...] = numbers(10, "<i2")
        file.create_dataset("scaled", data=numbers(10, "<i4"), chunks=(4,), scaleoffset=0)


@file
def links(path):
    with h5py.File(path, "w", libver="latest") as file:
        file["a/b/data"] = numbers((2, 2))
        file["a/b/up"] = file["a"]
        file["a/again"] = file["a/b/data"]
        file["soft"] = h5py.SoftLink("/a/b/data")
        file["relative"] = h5py.SoftLink("a/b")
        file["circle"] = h5py.SoftLink("/circle")
        file["external"] = h5py.ExternalLink("other.h5", "/data")
        for number in range(25):
            file[f"dense/{number:02}"] = np.int16(number)


@file
def attributes(path):
    for libver, mode in [("earliest", "w"), ("latest", "a")]:
        with h5py.File(path, mode, libver=libver) as file:
            group = file.create_group(libver, track_order=True) if libver == "latest" else file.create_group(libver)
            for number, dtype in enumerate(TYPES):
                group.attrs[f"numbers-{number}"] = numbers((2, 3), dtype, number)
            group.attrs["infinite"] = np.array([np.nan, np.inf, -np.inf], "<f4")
            group.attrs["text"] = "Grüße"
            group.attrs["fixed"] = np.bytes_("fixed ")
            group.attrs["texts"] = ["one", "", "three"]
            group.attrs["fixed-texts"] = np.array([b"a", b"bcd"])
            group.attrs["nothing"] = h5py.Empty("<f4")
            group.attrs["no-text"] = h5py.Empty(h5py.string_dtype())
            group.attrs["flag"] = True
            group.attrs["compound"] = np.zeros((), [("a", "<i4"), ("b", "<f8")])
            group.attrs["none"] = np.zeros(0, "<i4")
            group.attrs["complex"] = 1j
            group.attrs["reference"] = file.ref
            if libver == "latest":
                # Kept apart from the others.
                group.attrs["large"] = np.arange(600, dtype="<f8")


@file
def what_cannot_be_reduced(path):
    with h5py.File(path, "w", libver="latest") as file:
        file["text"] = ["a", "bc"]
        file["fixed"] = np.array([b"a", b"bc"])
        file["compound"] = np.zeros(2, [("a", "<i4")])
        file["enum"] = np.array([True, False])
        file["array"] = np.zeros(2, [("a", "<i4", 2)])["a"].view("V8")
        file["null"] = h5py.Empty("<f4")
        file["long-double"] = np.zeros(2, np.longdouble)
        file.create_dataset("ragged", (2,), h5py.vlen_dtype("<i4"))
        file["source"] = numbers(4)
        layout = h5py.VirtualLayout((4,), "<f4")
        layout[:] = h5py.VirtualSource(file["source"])
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("external", (2,), "<f4", external=[("nowhere.bin", 0, 8)])
        creation = h5p.create(h5p.DATASET_CREATE)
        creation.set_chunk((2,))
        creation.set_filter(40000, 1, (1, 2))
        h5d.create(file.id, b"filter", h5t.IEEE_F32LE, h5s.create_simple((4,)), creation)
        creation = h5p.create(h5p.DATASET_CREATE)
        creation.set_fill_time(h5d.FILL_TIME_NEVER)
        h5d.create(file.id, b"never-filled", h5t.IEEE_F32LE, h5s.create_simple((4,)), creation)


@file
def netcdf_dimensions(path):
    with netCDF4.Dataset(path, "w") as file:
        for name, size in [("time", None), ("lat", 3), ("lon", 4), ("bare", 2), ("record", None)]:
            file.createDimension(name, size)
        for name in ["lat", "lon"]:
            file.createVariable(name, "f8", (name,))[:] = np.arange(len(file.dimensions[name]))
        file.createVariable("time", "f8", ("time",))[:] = [1, 2]
        tas = file.createVariable("tas", "f4", ("time", "lat", "lon"), zlib=True, fill_value=1e20)
        tas[:] = np.arange(24).reshape(2, 3, 4)
        tas.units = "K"
        tas.missing_value = np.float32(1e20)
        tas.empty = ""
        # A dimension's name for a variable that is no coordinate of it, and a coordinate of two dimensions.
        file.createVariable("bare", "i4", ("lat",))[:] = 5
        file.createVariable("many", "i2", ("record", "bare"))[0:3] = 1
        group = file.createGroup("group")
        group.createDimension("lat", 2)
        group.createVariable("inner", "i4", ("time", "lat"))[:] = [[1, 2], [3, 4]]
        below = group.createGroup("below")
        below.createVariable("lat", "f4", ("lat", "lon"))[:] = 1
        below.title = "below"
        file.createVariable("scalar", "f8")[...] = 4
        file.createVariable("text", "S1", ("lat",))
        file.Conventions = "CF-1.8"


@file
def netcdf_coordinates_of_two_dimensions(path):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("x", 2)
        file.createDimension("y", 3)
        file.createVariable("x", "f4", ("x", "y"))[:] = 1
        file.createVariable("data", "f4", ("y", "x"))[:] = np.arange(6).reshape(3, 2)


@file
def scales(path):
    with h5py.File(path, "w") as file:
        file["data"] = numbers((2, 3, 4))
        file["axes/x"] = np.arange(3.0)
        file["axes/x"].make_scale("a label")
        file["data"].dims[1].attach_scale(file["axes/x"])
