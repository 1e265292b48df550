"""Functions of the HDF5 library of h5py that h5py does not pass on."""

import ctypes
from pathlib import Path

import h5py

_HERE = Path(h5py.__file__).parent
_LIBRARY = ctypes.CDLL(str(next((_HERE.parent / "h5py.libs").glob("libhdf5-*.so*"))))
DONT_FILTER_PARTIAL_CHUNKS = 2
SHARE_ALL = 0x1F


def _call(name, plist, *arguments):
    function = _LIBRARY[name]
    function.argtypes = [ctypes.c_int64, *(ctypes.c_uint for _ in arguments)]
    if function(plist.id, *arguments) < 0:
        raise RuntimeError(f"{name} failed")


def leave_edges_raw(creation):
    """Chunks that reach over the edge of a dataset are not filtered."""
    _call("H5Pset_chunk_opts", creation, DONT_FILTER_PARTIAL_CHUNKS)


def set_chunk_rank(creation, rank):
    """Nodes of the B-trees of chunks have twice as many entries."""
    _call("H5Pset_istore_k", creation, rank)


def share_messages(creation):
    """Messages that several objects have are written once."""
    _call("H5Pset_shared_mesg_nindexes", creation, 1)
    _call("H5Pset_shared_mesg_index", creation, 0, SHARE_ALL, 20)
