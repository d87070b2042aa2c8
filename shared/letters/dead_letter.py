"""Dead letter: makes the fields that describe an entry that cannot be applied. `settle.lua` adds the original fields
verbatim (`original.*`), and the earlier attempts."""

import hashlib
import json
import re
from collections.abc import Mapping

from holdfast.shared.runtime.timestamps import precise
from holdfast.shared.writes.outcome import Reason

_OWN_FRAME = re.compile(r'File "[^"]*?((?:services|shared)/[^"]+)", line \d+, in (\w+)')


def describe(
    entry_id: str, original: Mapping[bytes, bytes], reason: Reason, last_attempt: Mapping[str, str]
) -> dict[str, str]:
    """Return the fields of the dead letter that describe the failure. `reason` has to be first, because `settle.lua`
    reads it there."""
    return {
        "reason": reason.value,
        "fingerprint": fingerprint(reason, original.get(b"command", b""), last_attempt),
        "entry_id": entry_id,
        "dead_at": precise(),
        "writer": last_attempt["writer"],
        "build": last_attempt["build"],
        "error": last_attempt["error"],
        "last_attempt": json.dumps(dict(last_attempt)),
    }


def own_frame(traceback: str) -> str:
    """Return `file:function` of the first frame in our own code, or an empty text if there is none."""
    frames = _OWN_FRAME.findall(traceback)
    return ":".join(frames[0]) if frames else ""


def fingerprint(reason: Reason, command: bytes, attempt: Mapping[str, str]) -> str:
    """Return a hash that is equal for failures that a person would call the same. It covers reason, kind, code,
    command, first own frame, and the error of an undecodable entry."""
    where = own_frame(attempt.get("traceback", ""))
    known = command.decode("ascii", "replace")[:40]
    error = attempt["error"] if reason is Reason.UNDECODABLE else ""
    parts = "|".join([reason.value, attempt["kind"], attempt["code"], known, where, error])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
