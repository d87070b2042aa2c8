"""Sometimes: counts the events that a run has to contain before the absence of violations proves anything."""

import re
from collections import Counter
from collections.abc import Iterator

from tests.promises import available
from tests.promises.case import Case
from tests.promises.history import Act, Alone, Fail, Noted, Ok, Planted, Unknown
from tests.promises.writes import Intent

_NUMBER = re.compile(r"-\d+$")


def kind_of(what: str, target: str) -> str:
    """Return the kind of a fault: `kill of writer` for any writer, `cut of a link` for any link."""
    if target == "*":
        return what
    return f"{what} of {'a link' if '→' in target else _NUMBER.sub('', target)}"


def counted(case: Case) -> Counter[str]:
    """Count each interesting event. Those that do not follow from the history are its `Noted` events."""
    found = Counter(kind_of(fault.what, fault.target) for fault in case.history.faults)
    found.update(noted.what for noted in case.history.of(Noted))
    found.update(f"operator: {act.action}" for act in case.history.of(Act) if act.done)
    found.update(f"planted: {planted.kind}" for planted in case.history.of(Planted))
    for alone in case.history.of(Alone):
        found.update(available.counted(case.history, alone))
    for intent in case.writes.intents:
        found.update(_of_write(case, intent))
    for attempt in case.history.attempts:
        if not attempt.is_write and isinstance(attempt.end, Ok):
            if attempt.end.age_s is not None:
                found["copy served"] += 1
            if attempt.end.pending:
                found["queued write shown by a read"] += 1
            found["fresh read"] += not attempt.end.degraded
    found.update(f"letter {letter.state}" for letter in case.final.letters)
    found["write superseded"] += sum(ended.effect == "superseded" for ended in case.final.ended)
    found["write rejected in order"] += sum(ended.effect == "rejected" for ended in case.final.ended)
    found["queued write overtaken by a direct one"] += case.disputed.pairs
    found["write without a known end that happened"] += len(case.writes.unexplained)
    return +found


def _of_write(case: Case, intent: Intent) -> Iterator[str]:
    doubt = False
    for attempt in intent.attempts:
        match attempt.end:
            case Unknown(why="refused"):
                yield "process not reachable"
            case Unknown(why=why):
                yield "write without an answer" if why != "hung up" else "client hung up"
                doubt = True
            case Fail(status=409 | 412):
                yield "write refused: conflict"
            case Fail(retryable=True):
                yield "write refused for now"
            case Ok() as answer:
                yield "write queued" if answer.state == "queued" else "write applied at once"
                if answer.repeated:
                    yield "answer repeated to the same key"
                ended = case.writes.ended.get(answer.operation_id)
                if ended and ended.direct:
                    yield "write applied past the queue"
                if doubt:
                    yield "write resolved after doubt"
                    doubt = False
            case _:
                pass
