"""Output of a command: the answer for scripts, and lines for people."""

from typing import NamedTuple

from holdfast.services.dlq_admin.cli.client import Answer, Refused
from holdfast.services.dlq_admin.cli.table import plain


class Output(NamedTuple):
    """`lines` are printed unless `--json` was given; then the answer is. `code` is the command's."""

    answer: Answer | None
    lines: list[str]
    code: int = 0


def paged(answer: Answer, lines: list[str]) -> Output:
    """With where the next page begins."""
    end = answer.meta.get("next_cursor")
    return Output(answer, [*lines, *([f"more: --cursor {plain(end)}"] if end else [])])


def refusal(refused: Refused) -> list[str]:
    """The sentence; the details that help; the code and the request."""
    error = refused.error
    details = error.get("details")
    lines = (
        [f"  {plain(name)}: {plain(value, 300)}" for name, value in details.items() if value is not None]
        if isinstance(details, dict)
        else []
    )
    code, request_id = plain(error.get("code")), plain(error.get("request_id"))
    return [plain(refused), *lines, f"({code}, HTTP {refused.status}, request {request_id})"]
