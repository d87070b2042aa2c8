"""Names in Redis. One hash tag, so that every script finds its keys in one slot; and a script is given all of them as
its KEYS, so that a server that has only some of them refuses it before anything is done.

With more than one partition (partitions.py) each has the keys marked * under a tag of its own, `{holdfast:<N>:<p>}`.
What is of the fleet and not of a write stays under `{holdfast}`.

| key                          | type   | holds                                                             |
|------------------------------|--------|-------------------------------------------------------------------|
| `{holdfast}:writes`          | stream | accepted writes that are not over; its length is the backlog      |
| `{holdfast}:dead`            | stream | dead letters                                                      |
| `{holdfast}:clock`           | string | the newest version given out                                      |
| `{holdfast}:ledger`          | hash   | counts that no stream keeps: duplicates, replayed; and            |
|                              |        | `late:<operation>` -> entry, of recent writes that were applied directly |
| `{holdfast}:<singular>:<id>` | hash   | pending writes: operation id -> `version command payload`; `last` |
| `{holdfast}:<claims>`        | hash   | unique value -> `entity_id operation_id` of the pending write that claims it |
| `{holdfast}:op:<id>`         | hash   | a pending operation, or a dead-lettered one that is not indexed yet |
| `{holdfast}:key:<hash>`      | hash   | an Idempotency-Key until soon after its end: body hash, operation, entity |
| `{holdfast}:keys_used:<block>` | string | bitmap of the keys used in this lifetime of a key and the last |
| `{holdfast}:look`            | string | number of the auditor's newest look at the write stream           |
| `{holdfast}:on_disk`         | string | written by the auditor, to see whether it is on disk at once      |
| `{holdfast}:keys_since`      | string | version since which no key was forgotten before its time; 0: ever |
| `{holdfast}:partitions`      | string | in how many partitions the queue was last used                    |
| `{holdfast}:audit`           | stream | what operators did, the last 10,000 or so                         |
| `{holdfast}:heartbeat`       | string | there while the latest heartbeat is young enough: no api makes another |
| `{holdfast}:writers`, `:apis` | hash   | each process -> when it last reported, and its build            |
| `{holdfast}:halts`           | hash   | each halted writer -> when it last reported, and why              |
| `{holdfast}:go_on`           | hash   | a halted writer -> an operator's word that lets it go on         |
| `{holdfast}:external_proxy:config` | string | how the third party is called; `:audit`: a list, its last changes |
| `{holdfast}:replay:<id>`      | hash   | letter -> entry, of what a replay has sent; `closed`              |
| `{holdfast}:attempts:<entry>`| list   | the failed attempts at an entry, JSON                             |
"""

from pathlib import Path

#: The scripts that change these keys atomically.
LUA = Path(__file__).parent / "lua"


PREFIX = "{holdfast}:"
WRITES = PREFIX + "writes"
DEAD = PREFIX + "dead"
CLOCK = PREFIX + "clock"
AUDIT = PREFIX + "audit"
LEDGER = PREFIX + "ledger"
LOOK = PREFIX + "look"
ON_DISK = PREFIX + "on_disk"
PARTITIONS = PREFIX + "partitions"
WRITERS = PREFIX + "writers"
APIS = PREFIX + "apis"
HALTS = PREFIX + "halts"
GO_ON = PREFIX + "go_on"
HEARTBEAT = PREFIX + "heartbeat"
OPERATION = PREFIX + "op:"
KEY = PREFIX + "key:"
KEYS_SINCE = PREFIX + "keys_since"
KEYS_USED = PREFIX + "keys_used:"
ATTEMPTS = PREFIX + "attempts:"
REPLAY = PREFIX + "replay:"
PROXY_CONFIG = PREFIX + "external_proxy:config"
PROXY_CONFIG_CHANGES = PROXY_CONFIG + ":audit"

#: Pub/sub channel of one api process, for callers who wait.
NOTIFY = PREFIX + "notify:"

#: What a span says of the write stream.
MESSAGING = {"messaging.system": "redis", "messaging.destination.name": WRITES}

WRITERS_GROUP = "writers"
DLQ_GROUP = "dlq_admin"

#: The field of an entity's pending writes that names its latest operation.
LAST = "last"
