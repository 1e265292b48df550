"""Makes the HDF5 files of tests/hdf5, and what h5py and netCDF4 find in them.

All are checked in; run this only to change them:

    cd checks && $(./environment codecs)/bin/python -m suites.index.make

Random files, for tests/index.rs to compare beside them:

    cd checks && $(./environment codecs)/bin/python -m suites.index.make --random 300 /tmp/random
    HDF5_FILES=/tmp/random cargo test --test index

Files of others, such as real ones, are compared with `--of FILE…`.
"""

import argparse
import json
import shutil
from pathlib import Path

from harness.places import ROOT
from suites.index import oracle, random_files
from suites.index.files import FILES

MAX_TOTAL_BYTES = 300 * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", nargs="?", type=Path, default=ROOT / "tests/hdf5")
    parser.add_argument("--random", type=int, metavar="COUNT", help="random files instead of those of the tests")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", type=Path, nargs="+", default=[], help="copies of these files instead")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    if arguments.of:
        paths = [Path(shutil.copy(path, arguments.directory)) for path in arguments.of]
    elif arguments.random:
        paths = random_files.make(arguments.directory, arguments.random, arguments.seed)
    else:
        paths = []
        for name, make in FILES.items():
            paths.append(arguments.directory / f"{name}.h5")
            make(paths[-1])
    expected = {path.name: oracle.describe(path) for path in paths}
    # One file a line, so that a change shows where it is.
    lines = (f"{json.dumps(name)}: {json.dumps(described, sort_keys=True)}" for name, described in expected.items())
    (arguments.directory / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    total = sum(path.stat().st_size for path in arguments.directory.iterdir())
    print(f"{len(paths)} files, {total} bytes")
    if not arguments.random and not arguments.of and total > MAX_TOTAL_BYTES:
        raise SystemExit(f"more than {MAX_TOTAL_BYTES} bytes are too many to check in")


if __name__ == "__main__":
    main()
