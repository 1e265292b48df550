"""What keeps a question from having a result."""

from collections.abc import Iterable


class UsageError(Exception):
    """The command line, or a file that it names, makes no sense."""


class Failure(Exception):
    """There is no result: what the service says, or why it says nothing, and the causes."""

    def __init__(self, message: str, causes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.causes = list(causes)
