"""By client: steps that an application takes with our client library."""

from collections.abc import Callable

from deploy.scenarios.expect import Check
from deploy.scenarios.steps import HEALING_S, ClientWaits, ClientWrites
from holdfast_client import Client, HoldfastError

_TIMEOUT_S = 10.0


def writes(step: ClientWrites, client: Client, values: dict[str, object]) -> tuple[str, list[Check]]:
    """Create a user, and return the operation's id and the result."""

    def made() -> tuple[str, list[Check]]:
        written = client.users.create(values, timeout_s=_TIMEOUT_S)
        user = client.users.get(written.id, timeout_s=_TIMEOUT_S)
        return written.operation_id, [
            _is("the write", step.status, written.status),
            _is("the user, read at once,", _pending(step.pending), _pending(user.pending)),
        ]

    return _tried(made)


def waits(step: ClientWaits, client: Client, operation_id: str) -> tuple[str, list[Check]]:
    """Wait until the operation has ended, and return the result."""

    def waited() -> tuple[str, list[Check]]:
        ended = client.wait_for(operation_id, timeout_s=HEALING_S)
        return operation_id, [_is("the write", step.status, ended.status)]

    return _tried(waited)


def _pending(pending: bool | None) -> str:
    return "pending" if pending else "not pending"


def _is(what: str, wanted: str, seen: str) -> Check:
    return Check(what, f"is {wanted}", seen, seen == wanted)


def _tried(call: Callable[[], tuple[str, list[Check]]]) -> tuple[str, list[Check]]:
    try:
        return call()
    except HoldfastError as error:
        return error.operation_id, [Check("the call", "returns", f"{type(error).__name__}: {error}", ok=False)]
