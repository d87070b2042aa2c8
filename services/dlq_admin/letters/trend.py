"""Trend: dead letters over time, in equal steps that end now."""

import time
from collections.abc import Collection
from typing import NamedTuple

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.models import Trend
from holdfast.shared.letters.find import groups


class Span(NamedTuple):
    """`steps` steps of `step_s` seconds, the last of them the one that is running."""

    step_s: int
    steps: int


DAY, HOUR = Span(3600, 24), Span(300, 12)


async def trends(database: Database, names: Collection[str] | None, span: Span = DAY) -> dict[str, Trend]:
    """Fingerprint -> its trend; of all groups together under '' when `names` is None."""
    end = (int(time.time()) // span.step_s + 1) * span.step_s
    since = end - span.steps * span.step_s
    found = await database.read(groups.trends, names, since_s=since, step_s=span.step_s, steps=span.steps)
    return {name: Trend(since=since, step_s=span.step_s, letters=letters) for name, letters in found.items()}
