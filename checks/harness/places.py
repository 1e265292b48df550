"""Where things are in the repository, and where the built programs are."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS, DEPLOYMENT, EXAMPLES = ROOT / "docs", ROOT / "deployment", ROOT / "examples"
SAMPLE = EXAMPLES / "quickstart/temperature.nc"


@dataclass(frozen=True)
class Programs:
    """The built programs: those of a directory, or of its directory of examples."""

    directory: Path

    @property
    def service(self) -> Path:
        return self.directory / "reductionist"

    def example(self, name: str) -> Path:
        inside = self.directory / "examples" / name
        return inside if inside.exists() else self.directory / name
