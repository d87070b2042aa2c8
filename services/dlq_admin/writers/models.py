"""Models: writers as answers show them."""

from holdfast.services.dlq_admin.responses import Count, ResponseModel


class Halt(ResponseModel):
    """Why a writer is halted."""

    why: str
    would_be_dead: Count
    for_s: float
    tries: Count
    next_try_in_s: float


class WriterSummary(ResponseModel):
    """A writer that reported lately. `halted` null: it is not halted."""

    name: str
    build: str | None
    halted: Halt | None


class Resumed(ResponseModel):
    """Writers that were halted and may go on."""

    dry_run: bool
    writers: list[str]
    audit_id: Count = 0
