"""The dead letter: what is kept of an entry that cannot work. The original fields follow it verbatim (`original.*`),
put there by `settle.lua` together with the earlier attempts."""

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
    """The fields of the dead letter that are not the original's. `reason` comes first: `settle.lua` reads it."""
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
    """`file:function` of the first frame that is ours; empty when none is."""
    frames = _OWN_FRAME.findall(traceback)
    return ":".join(frames[0]) if frames else ""


def fingerprint(reason: Reason, command: bytes, attempt: Mapping[str, str]) -> str:
    """Equal for failures that a person would call the same: reason, kind, code, command, first own frame."""
    where = own_frame(attempt.get("traceback", ""))
    known = command.decode("ascii", "replace")[:40]
    error = attempt["error"] if reason is Reason.UNDECODABLE else ""
    parts = "|".join([reason.value, attempt["kind"], attempt["code"], known, where, error])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
