"""Checks that the service's description of its interface is valid OpenAPI, and that its examples fit its schemas.

Run by scripts/check-clients. That the service takes the examples is checked by `cargo test --test openapi`.
"""

import argparse
import json
import sys
import urllib.request
from pathlib import Path

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from check_report import Report
from check_servers import service

DESCRIPTION = "/.well-known/reductionist-schema"
NONSENSE = {"no such field": 1}


def problems_of_examples(description):
    """What is wrong with the example of each operation; its schema must also refuse what is no request."""
    for path, item in description["paths"].items():
        if "post" not in item:
            continue
        body = item["post"]["requestBody"]["content"]["application/json"]
        validator = Draft202012Validator(body["schema"] | {"components": description["components"]})
        yield from (f"{path}: {error.message}" for error in validator.iter_errors(body["example"]))
        if validator.is_valid(body["example"] | NONSENSE):
            yield f"{path}: the schema takes unknown fields"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, default=Path("target/release"), help="where the built programs are")
    options = parser.parse_args()
    with (
        service(options.programs, Report(), "OpenAPI") as url,
        urllib.request.urlopen(url + DESCRIPTION) as answer,
    ):
        description = json.load(answer)
    problems = [error.message for error in OpenAPIV31SpecValidator(description).iter_errors()]
    problems += problems_of_examples(description)
    print(*problems, f"{len(description['paths'])} paths described, {len(problems)} problems", sep="\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
