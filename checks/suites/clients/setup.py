"""What the checks of a client are told."""

import json
import sys
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Setup:
    """Its name, servers, and what to ask. All stores have the same files."""

    client: str
    store: str  # S3
    web: str
    private_web: str  # wants HTTP Basic credentials
    service: str
    keepdims_service: str  # the service with --keepdims
    seed: int
    rounds: int

    @classmethod
    def from_command_line(cls) -> "Setup":
        return cls(**json.loads(sys.argv[1]))

    def to_argument(self) -> str:
        return json.dumps(asdict(self))
