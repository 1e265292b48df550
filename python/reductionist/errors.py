"""What keeps a question from having a result."""

from collections.abc import Iterable

INVALID = "the request data is not valid"  # the title under which the service names all problems of a request


class UsageError(Exception):
    """The command line, a file that it names, or an argument makes no sense."""


class Failure(Exception):
    """There is no result: what the service says, or why it says nothing, and the causes."""

    def __init__(self, message: str, causes: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.causes = list(causes)

    def __str__(self) -> str:
        return "; ".join([self.message, *self.causes])


class ServiceError(Failure):
    """The service answers with an error: its status, its title, the causes, and the id by which its log calls the request.

    The causes of a request that is not valid are all its `problems`; those of other errors end with the root cause.
    """

    def __init__(self, status: int, title: str, causes: Iterable[str] = (), request_id: str | None = None) -> None:
        super().__init__(f"error {status}: {title}", causes)
        self.status = status
        self.title = title
        self.request_id = request_id

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.status, self.title, self.causes, self.request_id)

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong with the request, each with the field's name; nothing for other errors."""
        return list(self.causes) if self.status == 400 and self.title == INVALID else []
