"""What figures are true of."""

import os
import platform
from pathlib import Path


def machine() -> dict[str, object]:
    cpus = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in cpus if line.startswith("model name")]
    return {"cpu": models[0] if models else platform.machine(), "cpus": os.cpu_count(), "system": platform.system()}
