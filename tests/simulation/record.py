"""Record: requests and their answers, as events of tests/promises, and the counts that *sometimes* needs."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from deploy.client.connections import Response
from tests.promises.history import Act, End, Event, Fail, Invoke, Ok, Unknown
from tests.promises.responses import shown
from tests.simulation.workload import READ, SEND, Recorder, Request

#: The message of `Connections` for a request that was never sent.
_REFUSED = "connect_"

#: Actions of operators, by the end of their path.
_ACTS = {"discards": "discard", "restores": "restore", "replays": "replay", "transforms": "transform"}


class Record(Recorder):
    """The record of one run. `say` adds a line to the timeline."""

    def __init__(self, now: Callable[[], float], say: Callable[..., None]) -> None:
        self._now = now
        self._say = say
        self.events: list[Event] = []
        self.seen: Counter[str] = Counter()
        self._sent: list[tuple[str, Request]] = []

    @property
    def requests(self) -> int:
        """The number of requests."""
        return len(self._sent)

    def invoked(self, who: str, api: str, request: Request) -> int:
        """Record a request that is sent, and return its number."""
        number = len(self._sent)
        self._sent.append((who, request))
        if not who.startswith("operator"):
            now_s, version = self._now(), request.headers.get("If-Match", "").strip('"')
            expire_after_ms = request.headers.get("X-Expire-After-Ms")
            within_ms = request.headers.get("X-Request-Timeout-Ms")
            self.events.append(
                Invoke(
                    now_s,
                    number,
                    who,
                    api,
                    request.method,
                    request.path,
                    request.body,
                    request.key or "",
                    int(version) if version.isdigit() else 0,
                    expires_s=now_s + int(expire_after_ms) / 1000 if expire_after_ms else None,
                    within_s=int(within_ms) / 1000 if within_ms else None,
                )
            )
        options = {name: value for name, value in request.headers.items() if name not in ("Authorization",)}
        sent = _flat(request.body) | _flat(options) | {"to": api, "n": number}
        self._say(who, f"{request.method} {request.path}", **sent)
        return number

    def ended(self, number: int, response: Response) -> None:
        """Record the answer, if there was one."""
        who, request = self._sent[number]
        document = _document(response)
        if who.startswith("operator"):
            dry = bool((request.body or {}).get("dry_run"))
            end: End | Act = Act(self._now(), who, _act(request), response.status == 200 and not dry)
        else:
            end = end_of(self._now(), number, request, response, document)
        self.events.append(end)
        code = (document.get("error") or {}).get("code") or response.why
        about = ({"code": code} if code else {}) | _about(end)
        self._say(who, f"got {response.status or 'no answer'}", n=number, **about)
        self.seen[f"answer:{response.status or 'none'}"] += 1
        if code:
            self.seen[f"answer:{code}"] += 1
        if isinstance(end, Ok) and end.state == "lost":
            self.seen["operation:lost"] += 1
        if request.path in (READ, SEND):
            shown_as = "copy" if isinstance(end, Ok) and end.degraded else type(end).__name__.lower()
            self.seen[f"external:{shown_as}"] += 1
        if isinstance(document.get("meta"), dict) and document["meta"].get("way") == "direct":
            self.seen["answer:direct"] += 1


def _act(request: Request) -> str:
    """Return the name of an operator's action as the audit record has it, or the request if it changes nothing."""
    last = request.path.partition("?")[0].rpartition("/")[2]
    return _ACTS[last] if request.method == "POST" and last in _ACTS else f"{request.method} {request.path}"


def end_of(at_s: float, number: int, request: Request, response: Response, document: Mapping[str, Any]) -> End:
    """Return an answer as an event."""
    if not response.status:
        return Unknown(at_s, number, "refused" if response.why.startswith(_REFUSED) else response.why)
    if 200 <= response.status < 300:
        return _ok(at_s, number, request, response, document)
    error = document.get("error") or {}
    details = error.get("details")
    operation_id = str(details.get("operation_id") or "") if isinstance(details, dict) else ""
    if error.get("definite"):
        return Fail(at_s, number, response.status, error["code"], operation_id, bool(error.get("retryable")))
    return Unknown(at_s, number, error.get("code") or "not an answer of ours", response.status, operation_id)


def _ok(at_s: float, number: int, request: Request, response: Response, document: Mapping[str, Any]) -> Ok:
    data, meta = document.get("data"), document.get("meta") or {}
    if request.path == SEND:
        return Ok(at_s, number, response.status)
    if request.method != "GET":
        version = meta.get("version", 0) if response.status == 202 else 0
        return Ok(at_s, number, response.status, data["operation_id"], data["id"], version, data["status"])
    if request.path.startswith("/operations"):
        return Ok(at_s, number, response.status, data["id"], data.get("user_id") or "", state=data["status"])
    degraded = bool(meta.get("stale")) or response.degraded
    age_s = meta.get("age_s")
    return Ok(
        at_s, number, response.status, shown=shown(data), pending=meta.get("pending"), age_s=age_s, degraded=degraded
    )


def _document(response: Response) -> Mapping[str, Any]:
    try:
        found = orjson.loads(response.body) if response.status else {}
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _flat(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name.lower().replace("-", "_"): value for name, value in (values or {}).items()}


def _about(end: End | Act) -> dict[str, Any]:
    names = ("operation_id", "entity_id", "version", "state", "pending", "age_s", "shown")
    return {name: value for name in names if (value := getattr(end, name, None))}
