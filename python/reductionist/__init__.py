"""A client of Reductionist, the HTTP service that reduces chunks of climate data where they are stored.

`Client` asks about whole variables (reductionist.variables):

    client = Client("http://127.0.0.1:8080", endpoint="https://store.example")
    mean = client.reduce("s3://bucket/tas.nc", "tas", "mean", axis="time")["mean"]

Chunks that a file describes are asked about one by one. In the order of a question's way, from options and files of chunks
to requests, and from answers to one result:

    values, options   the command line
    fields            the fields of a request in the service's two dialects
    chunk_file        a file that says where chunks are, and what they hold
    grid              the chunks of an array, and what of each belongs to a selection of it
    plan              what to ask, and where in the result each answer belongs
    credentials, transport   how the service is spoken to
    service           asking about chunks
    answers           what an answer says
    combine           one result of many answers
    output            the result, for people and for machines
    command_line      all of it together
"""

from reductionist.credentials import Credentials
from reductionist.errors import Failure, ServiceError, UsageError
from reductionist.variables.client import Client
from reductionist.variables.merge import merge
from reductionist.variables.progress import Progress
from reductionist.variables.result import Description, Partial, Read, Result, Selected, Variable

__all__ = [
    "Client",
    "Credentials",
    "Description",
    "Failure",
    "Partial",
    "Progress",
    "Read",
    "Result",
    "Selected",
    "ServiceError",
    "UsageError",
    "Variable",
    "merge",
]
