"""Table: the groups of one process, and whether clients that sent a request again were answered well. The numbers of
groups and of remembered requests are bounded; nothing in the table identifies a person.

    table = FailureTable(build(), lambda scope: clients.name(scope), secret)
    table.ended(scope, route, status, outcome, took_s)
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from starlette.types import Scope

from holdfast.shared.http.failures.group import Group, Kind, Trouble
from holdfast.shared.http.failures.sketch import hashed
from holdfast.shared.http.open_paths import OPEN_PATHS, SAFE_METHODS
from holdfast.shared.http.outcome import RequestOutcome
from holdfast.shared.runtime.time_budgets import FAILURES_KEPT_S
from holdfast.shared.telemetry import metrics

#: A good answer that took longer is late, unless its client asked to wait.
_LATE_S = 1.0
GROUPS_MAX = 200
_REMEMBERED_MAX = 2000
#: A request that is repeated later than this counts as another request.
_RETRY_WITHIN_S = 60.0
_TROUBLE = {
    RequestOutcome.FAILED: Trouble.FAILED,
    RequestOutcome.REJECTED: Trouble.REFUSED,
    RequestOutcome.DEGRADED: Trouble.DEGRADED,
    RequestOutcome.ABANDONED: Trouble.ABANDONED,
}
_MISTAKE_FROM = 400


class FailureTable:
    """Counts this process's answers that were not good, by group. `changed`: something was counted since it was last
    set to False. `left_out`: the number of answers whose groups had no room."""

    def __init__(self, build: str, client_of: Callable[[Scope], str], secret: bytes) -> None:
        self._build = build
        self._client_of = client_of
        self._key = blake2b(secret, digest_size=32, person=b"failure clients").digest()
        self._groups: dict[Kind, Group] = {}
        #: A request that was not answered well -> its group, and the time.
        self._remembered: OrderedDict[int, tuple[Kind, float]] = OrderedDict()
        self.left_out = 0
        self.changed = False

    def ended(self, scope: Scope, route: str, status: int, outcome: RequestOutcome, took_s: float) -> None:
        """Count a request that has ended, if its answer was not good."""
        trouble = _trouble(scope, status, outcome, took_s)
        if trouble is None:
            if self._remembered:
                self._sent_again(scope, helped=True)
            return
        if route in OPEN_PATHS:
            return
        kind, code, dependency = scope.get("failed") or ("", trouble.value.upper(), "")
        key = Kind(route, scope["method"], trouble, kind, code, dependency, self._build)
        metrics.failures.labels(route, trouble.value, code, dependency or "none").inc()
        self._sent_again(scope, helped=trouble in (Trouble.DEGRADED, Trouble.LATE))
        self._add(key, scope)
        self.changed = True

    def groups(self) -> Iterable[tuple[Kind, Group]]:
        """Return all groups."""
        return self._groups.items()

    def adopt(self, groups: Mapping[Kind, Group]) -> None:
        """Take over the groups that this process had published before it was restarted."""
        for kind, group in list(groups.items())[:GROUPS_MAX]:
            self._groups.setdefault(kind, group)

    def _add(self, key: Kind, scope: Scope) -> None:
        now = time.time()
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= GROUPS_MAX:
                self._forget(now)
            if len(self._groups) >= GROUPS_MAX:
                self.left_out += 1
                return
            group = self._groups[key] = Group()
        group.add(now, hashed(self._client_of(scope), self._key), scope["request_id"])
        if (request := self._request(scope)) is not None:
            self._remembered[request] = (key, now)
            self._remembered.move_to_end(request)
            if len(self._remembered) > _REMEMBERED_MAX:
                self._remembered.popitem(last=False)

    def _sent_again(self, scope: Scope, *, helped: bool) -> None:
        """Count this request as a retry if it was answered badly before."""
        request = self._request(scope)
        before = None if request is None else self._remembered.pop(request, None)
        if before is None or time.time() - before[1] > _RETRY_WITHIN_S:
            return
        group = self._groups.get(before[0])
        if group is not None:
            group.retried += 1
            group.helped += helped
            self.changed = True

    def _request(self, scope: Scope) -> int | None:
        """Return a number that is equal for retries of one request. Return None for an unsafe request without a key,
        because it may be another request."""
        key = next((value for name, value in scope["headers"] if name == b"idempotency-key"), None)
        if key is None and scope["method"] not in SAFE_METHODS:
            return None
        return hash((self._client_of(scope), scope["method"], scope["path"], scope["query_string"], key))

    def _forget(self, now_s: float) -> None:
        self._groups = {kind: group for kind, group in self._groups.items() if now_s - group.last_s < FAILURES_KEPT_S}


def _trouble(scope: Mapping[str, Any], status: int, outcome: RequestOutcome, took_s: float) -> Trouble | None:
    if outcome is not RequestOutcome.GOOD:
        return _TROUBLE[outcome]
    if status >= _MISTAKE_FROM:
        return Trouble.MISTAKE
    waits = scope.get("asked_to_wait", False)
    return Trouble.LATE if took_s > _LATE_S and not waits else None
