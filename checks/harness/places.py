"""Where things are in the repository, and where the built programs are."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS, DEPLOYMENT, EXAMPLES = ROOT / "docs", ROOT / "deployment", ROOT / "examples"
ENVIRONMENT = dict(os.environ)  # before the harness takes away what could lead clients elsewhere
SAMPLE = EXAMPLES / "quickstart/temperature.nc"


@dataclass(frozen=True)
class Programs:
    """The built programs: those of a directory, or of its directory of examples."""

    directory: Path

    @property
    def service(self) -> Path:
        return self.directory / "reductionist"

    @classmethod
    def built(cls) -> "Programs":
        """Those of now, unless others are to be taken: checks/programs says which."""
        told = subprocess.run(
            [ROOT / "checks/programs"], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True
        )
        return cls(Path(told.stdout.strip()))

    def example(self, name: str) -> Path:
        inside = self.directory / "examples" / name
        return inside if inside.exists() else self.directory / name
