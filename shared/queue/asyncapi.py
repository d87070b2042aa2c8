"""`python -m holdfast.shared.queue.asyncapi`: prints the AsyncAPI 3.0 document of the streams, with the resources that
the module named by HOLDFAST_DOMAIN declares: the contents of the streams, their writers and their readers."""

import json
import sys
from typing import Any

from holdfast.shared.queue import names
from holdfast.shared.queue.codec import SCHEMA
from holdfast.shared.queue.payloads import Payload, payloads
from holdfast.shared.writes.outcome import Reason

_ID = {"type": "string", "minLength": 1, "maxLength": 36, "description": "A UUID, as the api makes them"}
_VERSION = {"type": "string", "pattern": "^[0-9]{1,16}$"}
_VERSIONS = {"type": "string", "pattern": "^[0-9]{1,16}(,[0-9]{1,16})*$"}
_TEXT = {"type": "string"}

_ABOUT = """An entry of a Redis stream is a flat list of names and values, all text, as `redis-cli XRANGE` shows it.
There is no library's envelope around the fields, so any Redis client can read them. Entries are deleted from the write
stream when they are settled, in one step with their acknowledgement: its length is the backlog. It is never trimmed."""


def document() -> dict[str, Any]:
    """Return the document."""
    writes = {payload.label: payload for payload in payloads().values()}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Holdfast streams", "version": SCHEMA.decode(), "description": " ".join(_ABOUT.split())},
        "defaultContentType": "application/x-redis-stream-fields",
        "servers": {
            "queue": {
                "host": "queue:6379",
                "protocol": "redis",
                "description": "The Redis at REDIS_ADDR, with `appendfsync always` and `noeviction`",
            }
        },
        "channels": {
            "writes": _channel(names.WRITES, "Accepted writes that have not ended yet", writes),
            "dead_letters": _channel(
                names.DEAD, "Complete writes that cannot be applied, until dlq_admin has stored them", ["DeadLetter"]
            ),
        },
        "operations": {
            "api_accepts": _operation(
                "send", "writes", "One atomic script adds the entry, the operation and the pending copy"
            ),
            "writer_applies": _operation(
                "receive", "writes", "Each write is delivered at least once, and applied once", names.WRITERS_GROUP
            ),
            "writer_dead_letters": _operation(
                "send", "dead_letters", "The dead letter is added in one step with the entry's acknowledgement"
            ),
            "dlq_admin_indexes": _operation(
                "receive",
                "dead_letters",
                "Each dead letter is stored in a table, and then acknowledged",
                names.DLQ_GROUP,
            ),
            "dlq_admin_replays": _operation(
                "send", "writes", "A replay sends the original fields, or the edited ones, again, as the same operation"
            ),
        },
        "components": {
            "messages": {
                **{name: _message(name, payload.summary) for name, payload in writes.items()},
                "DeadLetter": _message("DeadLetter", "A write that cannot be applied, and why"),
            },
            "schemas": {
                **{name: _entry(payload) for name, payload in writes.items()},
                "DeadLetter": _dead_letter(),
            },
        },
    }


def _channel(address: str, description: str, messages: Any) -> dict[str, Any]:
    listed = {name: {"$ref": f"#/components/messages/{name}"} for name in messages}
    return {
        "address": address,
        "description": description,
        "servers": [{"$ref": "#/servers/queue"}],
        "messages": listed,
    }


def _operation(action: str, channel: str, summary: str, group: str | None = None) -> dict[str, Any]:
    described: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
    # AsyncAPI has no words for Redis streams yet.
    return described | {"x-redis": {"XREADGROUP": group} if group else {"XADD": "*"}}


def _message(name: str, summary: str) -> dict[str, Any]:
    return {"name": name, "summary": summary, "payload": {"$ref": f"#/components/schemas/{name}"}}


def _entry(payload: Payload) -> dict[str, Any]:
    one = payload.resource.one
    properties = {
        "schema": {"const": SCHEMA.decode(), "description": "Version of the format of entries"},
        "resource": {"const": payload.resource.plural},
        "command": {"const": payload.label},
        "operation_id": _ID,
        "entity_id": _ID,
        "version": {
            **_VERSION,
            "description": "Time of acceptance in microseconds, strictly increasing; it also gives the entry's id",
        },
        "payload": {"type": "string", "contentMediaType": "application/json", "contentSchema": payload.json_schema},
        "build": {
            **_TEXT,
            "description": "Build of the process that accepted the write: its code and its declaration of resources",
        },
        "after": {**_ID, "description": f"The {one}'s write that was still pending at acceptance"},
        "if_match": {**_VERSIONS, "description": f"Apply only if the {one} is at one of these versions"},
        "if_none_match": {
            "type": "string",
            "pattern": r"^(\*|[0-9]{1,16}(,[0-9]{1,16})*)$",
            "description": f"Apply only if the {one} is at none of these versions; `*`: only if there is no {one}",
        },
        "body_hash": {
            **_TEXT,
            "description": "SHA-256 of the request, to distinguish a retry from a key reused for another request",
        },
        "key_hash": {**_TEXT, "description": "Hash of the Idempotency-Key, as stored in the queue"},
        "key_unsure": {"const": "1", "description": "The key may have been used before, which the database knows"},
        "request_id": {
            **_TEXT,
            "description": "Id of the request that was accepted, which every log line about it shows",
        },
        "traceparent": {**_TEXT, "description": "W3C trace context of the acceptance"},
        "expires_at": {**_VERSION, "description": "Version from which on the write counts as expired"},
        "notify": {**_TEXT, "description": "Pub/sub channel of the process whose caller waits for the outcome"},
    }
    # Unknown fields belong to a later schema, and are left alone.
    return {
        "type": "object",
        "properties": properties,
        "required": ["schema", "resource", "command", "operation_id", "entity_id", "version", "payload"],
        "additionalProperties": True,
    }


def _dead_letter() -> dict[str, Any]:
    properties = {
        "reason": {"enum": [reason.value for reason in Reason]},
        "fingerprint": {
            "type": "string",
            "pattern": "^[0-9a-f]{16}$",
            "description": "Equal for letters that failed in the same way",
        },
        "entry_id": {**_TEXT, "description": "The entry's id on the write stream"},
        "dead_at": {"type": "string", "format": "date-time"},
        "writer": {**_TEXT, "description": "Name of the writer that dead-lettered the write"},
        "build": {**_TEXT, "description": "Build of that writer"},
        "error": _TEXT,
        "last_attempt": {"type": "string", "contentMediaType": "application/json"},
        "attempts": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "The earlier attempts, as JSON",
        },
        "original_packed": {**_TEXT, "description": "All fields as MessagePack, if there were more than 2,000"},
    }
    needed = [name for name in properties if name != "original_packed"]
    return {
        "type": "object",
        "properties": properties,
        "patternProperties": {"^original\\.": {**_TEXT, "description": "A field of the entry, verbatim"}},
        "required": needed,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2, ensure_ascii=False) + "\n")
