"""The writes that clients sent, and the result of each as far as its client knows."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from deploy.client.connections import Response
from deploy.client.outcome import Outcome
from deploy.client.requests import Request


@dataclass(slots=True)
class Write:
    """One write."""

    request: Request
    #: The operation id, once the write was acknowledged.
    operation: str = ""
    #: Whether it was refused, and certainly had no effect.
    refused: bool = False

    def learn(self, document: Any) -> None:
        """Take in a response's document. A document that is no envelope is ignored."""
        if not isinstance(document, dict):
            return
        if document.get("success"):
            self.operation = document["data"]["operation_id"]
        elif isinstance(error := document.get("error"), dict):
            self.refused = error.get("definite") is True

    @property
    def in_doubt(self) -> bool:
        """Whether the client does not know if the write had an effect."""
        return not self.operation and not self.refused


@dataclass(slots=True)
class Writes:
    """The writes of a run, collected as an observer."""

    sent: list[Write] = field(default_factory=list)

    def completed(self, intended: float, request: Request, response: Response, outcome: Outcome) -> None:
        """Note one completed request of the run."""
        if request.key:
            write = Write(request)
            write.learn(_parsed(response.body))
            self.sent.append(write)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
