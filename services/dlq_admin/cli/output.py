"""Output: the result of a command, as the answer for scripts and as lines for people."""

from typing import NamedTuple

from holdfast.services.dlq_admin.cli.client import Answer, Refused
from holdfast.services.dlq_admin.cli.table import plain


class Output(NamedTuple):
    """The result of a command. `lines` are printed, or the answer if `--json` was given. `code` is the exit code."""

    answer: Answer | None
    lines: list[str]
    code: int = 0


def paged(answer: Answer, lines: list[str]) -> Output:
    """Return the output with the cursor of the next page, if there is one."""
    end = answer.meta.get("next_cursor")
    return Output(answer, [*lines, *([f"more: --cursor {plain(end)}"] if end else [])])


def refusal(refused: Refused) -> list[str]:
    """Return the lines of a refusal: the message, the details, and the code with the request id."""
    error = refused.error
    details = error.get("details")
    lines = (
        [f"  {plain(name)}: {plain(value, 300)}" for name, value in details.items() if value is not None]
        if isinstance(details, dict)
        else []
    )
    code, request_id = plain(error.get("code")), plain(error.get("request_id"))
    return [plain(refused), *lines, f"({code}, HTTP {refused.status}, request {request_id})"]
