"""A part of the soak: small chunks that decode to a lot."""

import itertools
import json

from harness.asking import Asked, ask, reduction, zeros
from harness.cases import BY_NAME, MIB
from harness.service import forget_peak, resident_mib, service
from harness.stores import PRIVATE

MEMORY_MIB = 256
BOMBS = {"zlib": 15, "gzip": 31}
DECODED_MIB = 32
OVERHEAD_MIB = 1  # page tables, buffers of sockets


def bomb(soak, report):
    """Half a megabyte that decodes to 512 MiB: refused, and takes no more memory than what may be decoded."""
    for codec, shape in itertools.product(BOMBS, (None, [8 * MIB], [512 * MIB])):
        claim = f"{shape[0] // MIB} MiB by its shape" if shape else "without a shape"
        # What a first chunk takes for good is no part of the bomb.
        first = reduction(BY_NAME["sum-1m-zlib"], soak.store, "v2")
        bomb = chunk_of_zeros(soak, BOMB, codec, shape)
        explode(soak, report, f"{codec}, {claim}, after 1 MiB", first, bomb)
        if not shape:
            first = chunk_of_zeros(soak, LARGEST, codec, [DECODED_MIB * MIB])
            explode(soak, report, f"{codec}, {claim}, after {DECODED_MIB} MiB", first, bomb)


def explode(soak, report, what, first, bomb):
    """Sends a bomb to a service that has served one other chunk."""
    flags = ["--memory-limit", f"{MEMORY_MIB}MiB", "--max-decoded-size", f"{DECODED_MIB}MiB"]
    with service(soak.programs, *flags, report=report, name=what) as server:
        report.check(f"{what}: the chunk before is served", ask(first, server.url)[0] == 200)
        before = resident_mib(server.pid)
        forget_peak(server.pid)
        status, _, body = ask(bomb, server.url)
        grown = server.peak_mib() - before
    error = json.loads(body)["error"]
    reasons = ": ".join([error["message"], *error.get("caused_by", [])])
    report.check(f"{what}: 413 or 400", status in (413, 400), f"{status} {reasons}")
    # That data is too long is not known before all that may be decoded has been written. Memory for that may be there.
    encoded_mib = json.loads(bomb.body)["size"] / MIB
    most = DECODED_MIB if first.name == LARGEST else DECODED_MIB + encoded_mib + OVERHEAD_MIB
    report.check(f"{what}: less than {most:.1f} MiB more", grown < most, f"{grown:+.1f} MiB")


LARGEST, BOMB = "largest", "bomb"


def chunk_file(soak, name, codec):
    return soak.chunks / f"{name}-{codec}"


def write_zeros(directory):
    """Chunks of zeros, by name and codec: the largest that may be decoded, and the bomb."""
    for (name, mib), (codec, wbits) in itertools.product([(LARGEST, DECODED_MIB), (BOMB, 512)], BOMBS.items()):
        (directory / f"{name}-{codec}").write_bytes(zeros(mib, wbits))


def chunk_of_zeros(soak, name, codec, shape):
    file = chunk_file(soak, name, codec)
    fields = {"interface_type": "s3", "url": f"{soak.store}/{PRIVATE}/{file.name}", "dtype": "uint8"}
    fields |= {"size": file.stat().st_size, "shape": shape, "compression": {"id": codec}}
    return Asked(name, "/v2/sum", json.dumps(fields))
