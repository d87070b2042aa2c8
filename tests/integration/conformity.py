"""Conformity: what schemathesis checks of every answer. A run that only collects tests does not import this module,
which takes a third of a second."""

import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

#: Headers of the connection and of the message.
UNDECLARED = {"content-length", "content-type", "connection", "date", "server", "transfer-encoding"}


def every_header_is_declared(
    _: schemathesis.CheckContext, answer: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Check that every header of the answer is declared. The signature is that of schemathesis's checks."""
    declared = case.operation.definition.raw["responses"].get(str(answer.status_code))
    if declared is not None:  # another check is about the status
        undeclared = set(answer.headers) - {name.lower() for name in declared["headers"]} - UNDECLARED
        assert not undeclared, undeclared


CHECKS = [
    every_header_is_declared,
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]

#: The statuses that may refuse invalid input. A generated request is sometimes longer than allowed (414).
_REFUSED = ["400", "401", "404", "405", "413", "414", "415", "422"]
CONFIG = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": _REFUSED}}})
