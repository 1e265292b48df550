"""Checks that the service's description of its interface is valid OpenAPI, and that its examples fit its schemas.

That the service takes the examples is checked by `cargo test --test openapi`.
"""

import json
import urllib.request

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from harness.service import service

pytestmark = pytest.mark.openapi

DESCRIPTION = "/.well-known/reductionist-schema"
NONSENSE = {"no such field": 1}


def outcomes_of_examples(description):
    """Whether the example of each operation fits its schema, which must also refuse what is no request."""
    for path, item in description["paths"].items():
        if "post" not in item:
            continue
        body = item["post"]["requestBody"]["content"]["application/json"]
        validator = Draft202012Validator(body["schema"] | {"components": description["components"]})
        yield "; ".join(f"{path}: {error.message}" for error in validator.iter_errors(body["example"])) or None
        yield f"{path}: the schema takes unknown fields" if validator.is_valid(body["example"] | NONSENSE) else None


def test_the_description_is_valid_and_fits_its_examples(programs, report):
    with service(programs, report=report) as server, urllib.request.urlopen(server.url + DESCRIPTION) as answer:
        description = json.load(answer)
    problems = [error.message for error in OpenAPIV31SpecValidator(description).iter_errors()]
    report.check("it is valid OpenAPI", not problems, "; ".join(problems) or f"{len(description['paths'])} paths")
    report.group("examples", outcomes_of_examples(description))
