"""The files that are reduced from afar: one array as PyActiveStorage's own timings have it, in large and in small chunks."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

VARIABLE = "m01s30i111"
SHAPE = (40, 1920, 2560)  # t, y, x
LAYOUTS = {
    "small": (4, 113, 128),
    "big": (10, 480, 640),
}  # 3,400 chunks, of which a tenth is reduced; and 64, all of them
SMALL_STEPS = 4  # of t, of the file of small chunks
STEPS_AT_ONCE = 20


def selection_of(layout: str) -> dict[str, slice]:
    """What of a file is reduced."""
    return {"t": slice(0, SMALL_STEPS)} if layout == "small" else {}


def make(directory: Path, shape: tuple[int, int, int] = SHAPE) -> None:
    """Writes the files that are not there yet, 360 MB each."""
    directory.mkdir(parents=True, exist_ok=True)
    for layout, chunks in LAYOUTS.items():
        path = directory / f"{layout}.nc"
        if not path.exists():
            unfinished = path.with_suffix(".part")
            write(unfinished, shape, chunks)
            unfinished.rename(path)


def write(path: Path, shape: tuple[int, int, int], chunks: tuple[int, ...]) -> None:
    """One of them: float32, shuffled, zlib at level 1; nothing is missing."""
    dice = np.random.default_rng(7)
    chunks = tuple(min(pair) for pair in zip(chunks, shape))
    y = np.linspace(0, np.pi, shape[1], dtype="f4")[:, None]
    x = np.linspace(0, 6 * np.pi, shape[2], dtype="f4")[None]
    how: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": chunks, "fill_value": 1e20}
    with netCDF4.Dataset(path, "w") as file:
        for name, length in zip("tyx", shape):
            file.createDimension(name, length)
        variable = file.createVariable(VARIABLE, "f4", tuple("tyx"), **how)
        for first in range(0, shape[0], STEPS_AT_ONCE):
            steps = range(first, min(first + STEPS_AT_ONCE, shape[0]))
            weather = dice.normal(0, 0.5, (len(steps), *shape[1:])).astype("f4")
            climate = np.stack([260 + 30 * np.sin(y) + 4 * np.sin(x + step / 5) for step in steps])
            variable[steps.start : steps.stop] = np.round(climate + weather, 2)
