"""Trend: how a group's count develops, from its counts per minute. Pure."""

from collections.abc import Mapping
from typing import Literal

from holdfast.shared.http.failures.group import Group
from holdfast.shared.runtime.time_budgets import EPISODE_GAP_S

Trend = Literal["new", "rising", "steady", "falling", "over"]

_MINUTE_S = 60.0
_RECENT = 5
#: Two spans of five minutes differ if one has more than this factor of the other's answers.
_MORE = 1.5


def window(minutes: Mapping[int, int], length: int, now_s: float) -> list[int]:
    """Return the counts of the last `length` minutes, the current one last."""
    present = int(now_s // _MINUTE_S)
    return [minutes.get(minute, 0) for minute in range(present - length + 1, present + 1)]


def per_min(minutes: Mapping[int, int], now_s: float) -> float:
    """Return the answers per minute over the last five minutes, of which the current one counts as far as it has
    elapsed."""
    elapsed_min = _RECENT - 1 + (now_s % _MINUTE_S) / _MINUTE_S
    return round(sum(window(minutes, _RECENT, now_s)) / elapsed_min, 2)


def trend(group: Group, now_s: float) -> Trend:
    """Return `over` if the group's episode has ended, and `new` if it began within five minutes. Otherwise compare the
    last five minutes with the five before."""
    if now_s - group.last_s > EPISODE_GAP_S:
        return "over"
    if now_s - group.began_s < _RECENT * _MINUTE_S:
        return "new"
    counts = window(group.minutes, 2 * _RECENT, now_s)
    before, after = sum(counts[:_RECENT]), sum(counts[_RECENT:])
    if after > _MORE * before:
        return "rising"
    return "falling" if before > _MORE * after else "steady"
