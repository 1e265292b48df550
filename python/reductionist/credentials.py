"""What proves who asks. No message, representation or traceback shows any of it."""

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests

from reductionist.errors import UsageError

VARIABLES = {
    "password": "REDUCTIONIST_PASSWORD",
    "session_token": "REDUCTIONIST_SESSION_TOKEN",
    "bearer_token": "REDUCTIONIST_BEARER_TOKEN",
    "service_token": "REDUCTIONIST_SERVICE_TOKEN",
}
WEB = ("http", "https")  # interfaces that take bearer tokens


@dataclass(frozen=True)
class Credentials:
    """A pair of keys of a store or of a web server, or a bearer token of a web server; and a token of the service itself."""

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)  # of web servers
    service_token: str | None = field(default=None, repr=False)

    @classmethod
    def checked(cls, given: Mapping[str, str | None], environment: Mapping[str, str]) -> "Credentials":
        """Those that are given by the names above, and from the environment what is not. No message repeats one.

        Raises:
            UsageError: if they contradict each other, or cannot stand in a header.
        """
        user = given.get("user")
        if not user and (given.get("password") or given.get("session_token")):
            raise UsageError("--password and --session-token need --user")
        if user and given.get("bearer_token"):
            raise UsageError("--user and --bearer-token exclude each other")
        if ":" in (user or ""):
            raise UsageError("--user must not have a colon in it; the password belongs to --password")
        # Those of a user mean nothing without one.
        names = [name for name in VARIABLES if user or name not in ("password", "session_token")]
        found = {name: given.get(name) or environment.get(VARIABLES[name]) for name in names}
        if user and not found["password"]:
            raise UsageError("--user needs a password: --password, or REDUCTIONIST_PASSWORD in the environment")
        credentials = cls(user, **found)
        credentials.check_tokens()
        return credentials

    def check_tokens(self) -> None:
        """Complains of a token that cannot stand in a header."""
        for name in ("session_token", "bearer_token", "service_token"):
            if not re.fullmatch("[!-~]*", getattr(self, name) or ""):
                raise UsageError(f"the {name.replace('_', ' ')} must be ASCII without spaces")

    def headers(self, interface: object) -> dict[str, str]:
        """The headers of a request about an object behind that interface. Bearer tokens are for web servers."""
        headers = {}
        if self.service_token:
            headers["x-reductionist-token"] = self.service_token
        if self.user:
            pair = base64.b64encode(os.fsencode(f"{self.user}:{self.password}")).decode()
            headers["Authorization"] = f"Basic {pair}"
        elif self.bearer_token and interface in WEB:
            headers["Authorization"] = f"Bearer {self.bearer_token}"
        if self.session_token:
            headers["x-amz-security-token"] = self.session_token
        return headers


class Proof(requests.auth.AuthBase):
    """Adds credentials to a request as it is sent, so that they stand in no variable of those who send it.

    It also keeps `requests` from looking for others in ~/.netrc.
    """

    def __init__(self, credentials: Credentials, interface: object) -> None:
        self.credentials, self.interface = credentials, interface

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self.credentials.headers(self.interface))
        return request
