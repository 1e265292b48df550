"""PyActiveStorage's function for one storage chunk, `reduce_chunk`, in either dialect, and what it should return."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import requests
from activestorage import reductionist

from harness.stores import ACCESS_KEY, SECRET_KEY

# --- Places: the arguments that name an object -----------------------------------------------------------------


def bucket_v1(store, bucket):
    """Objects in an S3 bucket, as /v1 names them."""
    return lambda key: {"source": store, "bucket": bucket, "object": key}


def bucket_v2(store, bucket):
    """Objects in an S3 bucket, as /v2 names them."""
    return lambda key: {"url": f"{store}/{bucket}/{quote(key)}"}


def web(server, interface_type="https"):
    """Objects on a web server. The client says https of http, too."""
    return lambda name: {"url": f"{server}/{quote(name)}", "interface_type": interface_type}


# --- Sessions --------------------------------------------------------------------------------------------------

errors = threading.local()  # what the service said last when it refused; the client of /v2 shows the status only


def client_session(user=ACCESS_KEY, password=SECRET_KEY):
    """The client's own session; it takes neither proxies nor passwords from the environment."""
    session = reductionist.get_session(user, password, None)
    session.trust_env = False
    session.hooks["response"] = [keep_error]
    return session


def anonymous_session():
    """A session without credentials, which the client of /v1 cannot make itself."""
    session = client_session()
    session.auth = None
    return session


def keep_error(response, **_):
    errors.text = "" if response.ok else f"HTTP {response.status_code} {response.text}"


# --- The client ------------------------------------------------------------------------------------------------


@dataclass
class Client:
    """The client's function, with the service, the place and the session that it is told about."""

    dialect: str
    service: str
    place: Callable[[str], dict]
    session: requests.Session
    keepdims: bool = False  # of the service

    def ask(self, request, **other):
        """Result and counts, or the error in their place."""
        errors.text = ""
        arguments = {"session": self.session, "server": self.service} | self.place(request.chunk.object)
        try:
            return reductionist.reduce_chunk(**arguments | request.arguments() | other)
        except Exception as error:  # the client's own, or what it cannot make sense of
            return error

    def difference(self, request, **other):
        """What is wrong with the answer to a request; nothing if it is NumPy's."""
        got = self.ask(request, **other)
        if self.agrees(request, got):
            return None
        return f"{self.shown(request, other)}\n    expected {request.expected}\n    got      {got} {errors.text}"

    def difference_of_error(self, request, texts, **other):
        """What is wrong with the answer to a request that has to fail with an error of these texts."""
        got = self.ask(request, **other)
        is_error = isinstance(got, reductionist.ReductionistError)
        if is_error and all(text in errors.text for text in texts) and SECRET_KEY not in errors.text:
            return None
        return f"{self.shown(request, other)}\n    expected an error with {texts}\n    got      {got} {errors.text}"

    def shown(self, request, other):
        """The request as it is sent."""
        arguments = self.place(request.chunk.object) | request.arguments() | other
        arguments["selection"] = arguments.pop("chunk_selection")
        return f"{arguments.pop('operation')} {json.dumps(reductionist.build_request_data(**arguments), default=str)}"

    def agrees(self, request, got):
        """Whether the client's result is NumPy's. Both it and the counts are laid out in the request's order."""
        expected = request.expected
        if isinstance(expected, OverflowError):
            return errors.text.startswith("HTTP 400") and "result_dtype" in errors.text
        if isinstance(got, Exception):
            return False
        (result, counts), (expected_result, _) = got, expected
        expected_counts = self.expected_counts(request)
        # The client masks a result whose count is 0, if that is a number and no list.
        is_masked = counts == 0
        return (
            type(counts) is type(expected_counts)
            and counts == expected_counts
            and result.shape == (request.kept_shape if self.keepdims else expected_result.shape)
            and result.dtype == expected_result.dtype
            and np.array_equal(result.data.ravel(), expected_result.ravel(request.chunk.order), equal_nan=True)
            and bool(np.all(np.ma.getmaskarray(result) == is_masked))
        )

    def expected_counts(self, request):
        """A number or a list in /v1, always a list in /v2, of lists if axes are kept."""
        _, counts = request.expected
        if self.keepdims and request.operation != "select":
            return np.reshape(counts, request.kept_shape).tolist()
        if isinstance(counts, np.ndarray):
            return counts.ravel(request.chunk.order).tolist()
        return counts if self.dialect == "v1" else [counts]
