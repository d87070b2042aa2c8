"""Names of the keys in Redis. All keys share one hash tag, so that a script finds its keys in one slot. A script gets
every key that it may touch as KEYS, so that a server that has only some of them refuses the script before it runs.

With several partitions (partitions.py), each partition has the keys of its writes under a tag of its own,
`{holdfast:<N>:<p>}`. Keys that concern the fleet and not a single write stay under `{holdfast}`.

| key                          | type   | holds                                                             |
|------------------------------|--------|-------------------------------------------------------------------|
| `{holdfast}:writes`          | stream | accepted writes that are not over; its length is the backlog      |
| `{holdfast}:dead`            | stream | dead letters                                                      |
| `{holdfast}:clock`           | string | the newest version given out; `closed …`: see close.lua           |
| `{holdfast}:ledger`          | hash   | counts that no stream keeps: duplicates, replayed; and            |
|                              |        | `late:<operation>` -> entry, of recent writes that were applied directly; |
|                              |        | `looked`: of the stream that was looked at last, number and entries |
| `{holdfast}:<singular>:<id>` | hash   | pending writes: operation id -> `version command payload`; `last` |
| `{holdfast}:<claims>`        | hash   | unique value -> `entity_id operation_id` of the pending write that claims it |
| `{holdfast}:op:<id>`         | hash   | a pending operation, or a dead-lettered one that is not indexed yet |
| `{holdfast}:key:<hash>`      | hash   | an Idempotency-Key until soon after its end: body hash, operation, entity |
| `{holdfast}:keys_used:<block>` | string | bitmap of the keys used in the current and the last lifetime of a key |
| `{holdfast}:look`            | string | number of the auditor's newest look at the write stream           |
| `{holdfast}:on_disk`         | string | written by the auditor, to check that a write reaches the disk at once |
| `{holdfast}:keys_since`      | string | version since which no key was lost early; 0: none ever was       |
| `{holdfast}:partitions`      | string | the number of partitions in which the queue is used (agreement.py) |
| `{holdfast}:audit`           | stream | what operators did, the last 10,000 or so                         |
| `{holdfast}:heartbeat`       | string | exists while the latest heartbeat is recent enough: no api makes another |
| `{holdfast}:writers`, `:apis` | hash   | each process -> when it last reported, and its build            |
| `{holdfast}:halts`           | hash   | each halted writer -> when it last reported, and why              |
| `{holdfast}:go_on`           | hash   | a halted writer -> an operator's order to continue               |
| `{holdfast}:external_proxy:config` | string | how the third party is called; `:audit`: a list, its last changes |
| `{holdfast}:replay:<id>`      | hash   | letter -> entry, for each letter that a replay has sent; `closed` |
| `{holdfast}:attempts:<entry>`| list   | the failed attempts at an entry, JSON                             |
| `{holdfast}:attempts:taken_over` | hash | entry -> how often a writer took it over from a silent one      |
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
#: Under a name that a writer may use also where the rights at Redis are older than it.
TAKEN_OVER = ATTEMPTS + "taken_over"
REPLAY = PREFIX + "replay:"
PROXY_CONFIG = PREFIX + "external_proxy:config"
PROXY_CONFIG_CHANGES = PROXY_CONFIG + ":audit"

#: Prefix of the pub/sub channel of one api process, for the requests that wait there.
NOTIFY = PREFIX + "notify:"

#: The attributes of a span that concerns the write stream.
MESSAGING = {"messaging.system": "redis", "messaging.destination.name": WRITES}

WRITERS_GROUP = "writers"
DLQ_GROUP = "dlq_admin"
#: A group of the write stream without consumers. Its position is the number of the first look at the stream (look.lua).
LOOKS_GROUP = "looks"

#: The field of an entity's pending writes that names its latest operation.
LAST = "last"
