"""Schemas: what the answers hold, for the OpenAPI document."""

from typing import Any

from holdfast.shared.http.document import INTEGER, TEXT, a_list, an_object, or_null
from holdfast.shared.letters.replays.plan import ItemState, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.verdict import Verdict
from holdfast.shared.writes.ledger import ROWS, TERMS

_MOMENT = {"type": "string", "format": "date-time"}
_MAYBE = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_FLAG = {"type": "boolean"}
_COUNTS = {"type": "object", "additionalProperties": _COUNT}
_STATE = {"enum": [state.value for state in State]}

LETTER = an_object(
    {
        "id": TEXT, "seen_at": _MOMENT, "indexed": _FLAG, "fingerprint": TEXT, "state": _STATE, "entry_id": TEXT,
        "operation_id": _MAYBE, "resource": _MAYBE, "entity_id": _MAYBE, "command": TEXT, "reason": TEXT,
        "kind": TEXT, "code": TEXT, "error": TEXT, "frame": TEXT, "dead_at": _MOMENT, "accepted_at": or_null(_MOMENT),
        "writer": TEXT,
        "build": TEXT, "attempts": INTEGER, "size_bytes": INTEGER, "imported": _FLAG, "edit": INTEGER,
        "replay_id": {"type": ["integer", "null"]}, "outcome": _MAYBE, "note": _MAYBE,
        "indexed_at": or_null(_MOMENT), "state_at": _MOMENT,
    }
)  # fmt: skip
_FIX = an_object(
    {
        "running_builds": a_list(TEXT),
        "writers": _COUNT,
        "changed": {"enum": ["yes", "no", "partly", None]},
        "says": TEXT,
    }
)  # fmt: skip
_TREND = an_object({"since": _MOMENT, "step_s": _COUNT, "letters": a_list(_COUNT)})
GROUP = an_object(
    {
        "fingerprint": TEXT, "reason": TEXT, "kind": TEXT, "code": TEXT, "command": TEXT, "frame": TEXT, "error": TEXT,
        "first_seen": _MOMENT, "last_seen": _MOMENT, "last_id": TEXT, "affected_entities": _COUNT, "counts": _COUNTS,
        "purged": _COUNT, "imported": _COUNT,
        "failed_builds": a_list(an_object({"build": TEXT, "letters": _COUNT})), "fix": _FIX,
        "note": or_null(an_object({"text": TEXT, "author": TEXT, "at": _MOMENT})), "trend": _TREND,
    }
)  # fmt: skip
RECORD = an_object(
    {
        "id": _COUNT, "at": _MOMENT, "actor": TEXT, "role": TEXT, "action": TEXT, "reason": TEXT, "letters": _COUNT,
        "selection": {"type": ["object", "null"]}, "details": {"type": ["object", "null"]}, "request_id": TEXT,
    }
)  # fmt: skip
ALLOWANCE = an_object(
    {"actor": TEXT, "letters": _COUNT, "window_s": {"type": "number"}, "left": _COUNT, "more_at": or_null(_MOMENT)}
)
ALERTS_TAKEN = an_object({"moved": _COUNT})
ALERTS = an_object(
    {
        "alerts": a_list(
            an_object(
                {
                    "name": TEXT, "severity": TEXT, "summary": TEXT, "description": TEXT, "runbook_url": TEXT,
                    "dashboard_url": TEXT, "labels": {"type": "object", "additionalProperties": TEXT},
                    "since": _MOMENT, "heard_at": _MOMENT, "fingerprint": TEXT,
                }
            )
        ),
        "left_out": _COUNT,
        "watchdog": an_object({"alive": {"type": ["boolean", "null"]}, "heard_at": or_null(_MOMENT)}),
    }
)  # fmt: skip
_FIELD = an_object(
    {"name": {"type": ["string", "object"]}},
    {"value": {"type": ["string", "object"]}, "masked": _FLAG, "cut": _FLAG, "bytes": _COUNT},
)
_OBJECT_OR_NULL = {"type": ["object", "null"]}
WHOLE: dict[str, Any] = {
    "allOf": [
        LETTER,
        an_object(
            {"original": a_list(_FIELD), "payload": {}, "undecodable": _MAYBE, "attempts_made": a_list({}),
             "masked": _FLAG, "entity": _OBJECT_OR_NULL, "operation": _OBJECT_OR_NULL, "fix": _FIX},
            {"lineage": an_object({"letters": a_list(LETTER), "edits": a_list({}), "replays": a_list({}),
                                   "deeds": a_list(RECORD)})},
        ),
    ]
}  # fmt: skip
BULK = an_object(
    {"dry_run": _FLAG, "count": _COUNT, "groups": _COUNTS, "others": _COUNTS, "sample": a_list(TEXT)},
    {"audit_id": _COUNT},
)
IMPORTED = an_object({"dry_run": _FLAG, "new": _COUNT, "known": _COUNT})
FROM_STREAM = an_object({"letters": a_list(LETTER), "waiting": _COUNT, "banner": TEXT})
HALTED = an_object(
    {"why": TEXT, "would_be_dead": _COUNT, "for_s": {"type": "number"}, "tries": _COUNT,
     "next_try_in_s": {"type": "number"}}
)  # fmt: skip
WRITERS = a_list(an_object({"name": TEXT, "build": _MAYBE, "halted": or_null(HALTED)}))
WENT_ON = an_object({"dry_run": _FLAG, "writers": a_list(TEXT)}, {"audit_id": _COUNT})
OVERVIEW = an_object(
    {
        "letters": or_null(_COUNTS), "waiting": {"type": ["integer", "null"]}, "holding": TEXT,
        "trend": or_null(_TREND),
        "backlog": _OBJECT_OR_NULL, "ledger": _OBJECT_OR_NULL,
        "breakers": or_null(a_list(an_object({"service": TEXT, "instance": TEXT, "name": TEXT, "state": TEXT}))),
        "writers": WRITERS,
        "retention": {"type": "object"}, "as_of": _MOMENT, "banner": _MAYBE,
    }
)  # fmt: skip
_ENUM_MAYBE = {"type": ["string", "null"]}
WHAT_IF = an_object(
    {
        "count": _COUNT, "verdicts": _COUNTS, "why": _COUNTS, "others": _COUNTS, "masked": _FLAG,
        "letters": a_list(
            an_object(
                {"id": TEXT, "verdict": {"enum": [each.value for each in Verdict]}, "why": TEXT, "then": _ENUM_MAYBE,
                 "detail": {"type": "object"}, "entity_exists": _FLAG, "fields": a_list(TEXT),
                 "diff": {"type": "object"}}
            )
        ),
    }
)  # fmt: skip
EDITED = an_object({"dry_run": _FLAG, "changed": _FLAG, "fields": a_list(_FIELD), "what_if": {"type": "object"}})
REVERTED = an_object(
    {"dry_run": _FLAG, "edit": _COUNT, "reverts": _COUNT, "fields": a_list(_FIELD), "what_if": {"type": "object"}}
)
TRANSFORMED = an_object(
    {"dry_run": _FLAG, "count": _COUNT, "letters": _COUNT, "edited": _COUNT, "unchanged": _COUNT, "refused": _COUNTS,
     "sample": a_list(an_object({"id": TEXT, "before": {}, "after": {}}))},
    {"verdicts": _COUNTS, "transform_id": _COUNT},
)  # fmt: skip
TAKEN_BACK = an_object({"dry_run": _FLAG, "count": _COUNT, "left": _COUNT})
REPLAY = an_object(
    {
        "id": _COUNT, "state": {"enum": [each.value for each in ReplayState]}, "state_reason": TEXT,
        "state_at": _MOMENT, "created_at": _MOMENT, "created_by": TEXT, "reason": TEXT, "selection": {"type": "object"},
        "letters": _COUNT, "plan": {"type": "object"}, "counts": _COUNTS, "sent": _COUNT, "in_flight": _COUNT,
        "finished": _COUNT, "canary_step": _COUNT, "canary_steps": _COUNT, "approved_by": _MAYBE,
        "approved_at": or_null(_MOMENT), "started_at": or_null(_MOMENT), "ended_at": or_null(_MOMENT),
        "driven_by": _MAYBE,
    }
)  # fmt: skip
REPLAY_MADE: dict[str, Any] = {
    "anyOf": [
        REPLAY,
        an_object({"dry_run": _FLAG, "count": _COUNT, "groups": _COUNTS, "others": _COUNTS, "sample": a_list(TEXT),
                   "plan": {"type": "object"}, "state": TEXT, "at_least_s": {"type": "number"}}),
    ]
}  # fmt: skip
REPLAY_ITEM = an_object(
    {
        "position": _COUNT, "letter_id": TEXT, "outcome": {"enum": [each.value for each in ItemState]},
        "operation_id": _MAYBE, "entry_id": _MAYBE, "sent_at": or_null(_MOMENT), "ended_at": or_null(_MOMENT),
        "detail": _OBJECT_OR_NULL,
    }
)  # fmt: skip
FAULT = an_object({"fault": TEXT, "target": TEXT, "active": _FLAG, "began_at": _MOMENT, "until": _MOMENT})
FAULTS_ENDED = an_object({"ended": a_list(FAULT)})
RECOVERY = an_object({"fault": TEXT, "verdict": TEXT, "at": _MOMENT})
FAULTS = an_object({"faults": a_list(FAULT), "recoveries": a_list(RECOVERY)})
EXPLAINED = an_object(
    {
        "request_id": TEXT,
        "trace_ids": a_list(TEXT),
        "parts": a_list(
            an_object(
                {
                    "service": TEXT, "instance": TEXT, "at": _MOMENT, "method": TEXT, "route": TEXT,
                    "status": {"type": ["integer", "null"]}, "outcome": TEXT, "took_ms": {"type": "number"},
                    "deadline_ms": {"type": ["number", "null"]}, "left_ms": {"type": ["number", "null"]},
                    "says": TEXT,
                    "decisions": a_list(an_object({"at_ms": {"type": "number"}, "action": TEXT, "says": TEXT})),
                }
            )
        ),
        "operations": a_list(
            an_object(
                {
                    "operation_id": TEXT,
                    "status": {
                        "enum": [
                            "queued", "applied", "superseded", "rejected", "dead_lettered", "discarded", "unknown",
                        ]
                    },
                    "says": TEXT,
                }
            )
        ),
    }
)  # fmt: skip
LEDGER = or_null(
    an_object(
        {
            "missing": INTEGER,
            "accounted": _COUNT,
            "as_of": _MOMENT,
            "took_s": {"type": "number"},
            "horizon": or_null(_MOMENT),
        }
        | dict.fromkeys((*TERMS, *ROWS), _COUNT)
    )
)
