"""Kinds: a table of all kinds of faults that a run may have, and how each is drawn."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

NODES, APIS, WRITERS, ADMINS = "api writer admin", "api", "writer", "admin"
STORES, QUEUE, CACHE, DATABASE = "queue cache database", "queue", "cache", "database"
PROXIES, THIRD_PARTY = "proxy", "third-party"
#: Links from a node to a store, from clients to an api, and from an api through a proxy to the third party.
LINKS, ROADS, HOPS = "link", "road", "hop"
#: Links from a node to the former primary of the queue.
OLD_PRIMARY = "old primary"
#: What may be lost by a fault, as docs/promises.md says under "What is not promised": acknowledged writes, or only
#: unacknowledged ones.
ACKNOWLEDGED, UNACKNOWLEDGED = "acknowledged", "unacknowledged"


def _none(_: Random) -> float:
    return 0.0


def _between(low: float, high: float) -> Callable[[Random], float]:
    return lambda chance: round(chance.uniform(low, high), 3)


def log_uniform(chance: Random, low: float, high: float) -> float:
    """Return a number between the bounds, of which half are below their geometric mean."""
    return round(low * (high / low) ** chance.random(), 3)


class Kind(NamedTuple):
    """A kind of fault. `often`: the chance that a run has it at all; `most`: the greatest number of them in a run."""

    targets: str
    often: float
    most: int
    #: Bounds of its duration in seconds. With bounds of 0 the fault is over at once.
    lasts_s: tuple[float, float]
    what: str
    amount: Callable[[Random], float] = _none
    #: What the queue may lose by it; empty for nothing.
    forgets: str = ""


KINDS: dict[str, Kind] = {
    # --- processes ---
    "kill": Kind(NODES, 0.6, 5, (0.01, 8.0), "kill -9; it starts again with nothing in memory"),
    "kill_at_commit": Kind(WRITERS, 0.4, 3, (0.01, 4.0), "kill -9 between commit and acknowledgement"),
    "stop": Kind(NODES, 0.25, 3, (0.01, 5.0), "SIGTERM, as a deployment does; then it starts again"),
    "freeze": Kind(NODES, 0.3, 3, (0.2, 25.0), "SIGSTOP: connections stay open, nothing is done"),
    "clock_jump": Kind(NODES, 0.25, 3, (1.0, 30.0), "its wall clock jumps by so many seconds", _between(-20, 20)),
    "clock_drift": Kind(NODES, 0.2, 2, (5.0, 60.0), "its clocks run faster by this share", _between(-0.1, 0.1)),
    # --- networks ---
    "cut": Kind(LINKS, 0.4, 6, (0.0, 0.0), "every connection is reset, at whatever byte it is"),
    "refuse": Kind(LINKS, 0.25, 3, (0.2, 12.0), "cut, and new connections are refused"),
    "hang": Kind(LINKS, 0.3, 3, (0.2, 20.0), "no byte passes either way; nobody is informed"),
    "half": Kind(LINKS, 0.25, 3, (0.2, 15.0), "requests arrive, answers do not"),
    "slow": Kind(LINKS, 0.25, 3, (1.0, 20.0), "every chunk takes so many seconds longer", _between(0.02, 1.2)),
    "cut_road": Kind(ROADS, 0.3, 4, (0.0, 0.0), "every connection of clients is reset, at whatever byte it is"),
    "hang_road": Kind(ROADS, 0.2, 2, (0.2, 10.0), "no byte of clients passes either way"),
    # --- both Redis ---
    "die": Kind(STORES, 0.35, 3, (0.05, 12.0), "kill -9 of the server; it starts again with what is on disk"),
    "stall": Kind(STORES, 0.25, 2, (0.2, 12.0), "the server answers nothing"),
    "fill": Kind("queue cache database", 0.2, 2, (0.5, 12.0), "the server is full and refuses writes"),
    "read_only": Kind(STORES, 0.2, 2, (0.5, 12.0), "the server refuses writes: it is a replica now"),
    "loading": Kind("queue cache", 0.15, 2, (0.2, 5.0), "the server answers LOADING"),
    "lose_last": Kind(QUEUE, 0.08, 1, (0.0, 0.0), "a failover loses the last seconds", _between(0.05, 3.0),
                      ACKNOWLEDGED),
    "wipe": Kind(QUEUE, 0.05, 1, (0.0, 0.0), "the queue is emptied", forgets=ACKNOWLEDGED),
    "wipe_cache": Kind(CACHE, 0.2, 2, (0.0, 0.0), "the cache is emptied"),
    # --- the database ---
    "lose_answer": Kind(DATABASE, 0.35, 4, (0.2, 6.0), "commits take effect, and this share of their answers is lost",
                        _between(0.1, 1.0)),
    "refuse_commit": Kind(DATABASE, 0.25, 3, (0.2, 6.0), "this share of commits is lost before it takes effect",
                          _between(0.1, 1.0)),
    "deadlock": Kind(DATABASE, 0.25, 3, (0.5, 8.0), "this share of statements ends in a deadlock", _between(0.02, 0.4)),
    "lock_wait": Kind(DATABASE, 0.2, 2, (0.5, 10.0), "a stranger holds the locks of so many users", _between(1, 8)),
    "number": Kind(DATABASE, 0.2, 2, (0.5, 8.0), "statements answer an error number that nobody has seen",
                   _between(5000, 65000)),
    "sessions": Kind(DATABASE, 0.25, 4, (0.0, 0.0), "every session is killed"),
    # --- what people and other programs put there ---
    "poison": Kind(QUEUE, 0.4, 4, (0.0, 0.0), "so many entries that can never work", _between(1, 6)),
    "junk": Kind(QUEUE, 0.2, 2, (0.0, 0.0), "so many entries made by hand, of anything", _between(1, 4)),
    "junk_letter": Kind(QUEUE, 0.15, 2, (0.0, 0.0), "a dead letter made by hand"),
    "ahead": Kind(QUEUE, 0.1, 1, (0.0, 0.0), "an entry whose id is so many seconds in the future", _between(1, 600)),
    "orphans": Kind(QUEUE, 0.3, 3, (0.0, 0.0), "a consumer is removed together with what it has pending"),
    "twice": Kind(QUEUE, 0.25, 3, (0.0, 0.0), "so many entries are put on the stream once more", _between(1, 5)),
}  # fmt: skip

#: Faults of the way to the third party, in runs that have one.
OUTSIDE: dict[str, Kind] = {
    **{
        name: KINDS[name]._replace(targets=targets, often=0.25, most=2)
        for targets, names in (
            (f"{PROXIES} third", ("kill", "freeze")),
            (PROXIES, ("stop", "clock_jump", "clock_drift")),
            (HOPS, ("cut", "refuse", "hang", "half", "slow")),
        )
        for name in names
    },
    "gone": Kind(THIRD_PARTY, 0.25, 2, (0.5, 15.0), "the third party is gone: nobody listens there"),
    "failing": Kind(THIRD_PARTY, 0.3, 2, (1.0, 15.0), "the third party answers every call with an error"),
    "partial": Kind(THIRD_PARTY, 0.4, 2, (2.0, 30.0), "it answers this share of its calls with an error",
                    _between(0.05, 0.9)),
    "throttle": Kind(THIRD_PARTY, 0.3, 2, (0.5, 10.0), "it answers 429, and asks to wait so many seconds",
                     _between(0, 6)),
    "mute": Kind(THIRD_PARTY, 0.3, 2, (0.5, 15.0), "this share of its calls is never answered", _between(0.1, 1)),
    "late": Kind(THIRD_PARTY, 0.3, 2, (1.0, 20.0), "its answers take so many seconds", _between(0.2, 4)),
    "wrong": Kind(THIRD_PARTY, 0.4, 3, (0.5, 10.0), "its answers are not what was asked for: one of five kinds",
                  _between(0, 5)),
}  # fmt: skip

#: Faults of runs in which accepted writes wait for a replica of the queue.
REPLICATED: dict[str, Kind] = {
    "failover": Kind(QUEUE, 0.6, 2, (0.0, 0.0), "the replica takes the primary's place, with what it has",
                     forgets=UNACKNOWLEDGED),
    "replica_cut": Kind(QUEUE, 0.5, 2, (0.3, 12.0), "the replica gets nothing more"),
    "replica_late": Kind(QUEUE, 0.5, 2, (1.0, 15.0), "the replica is so many seconds behind", _between(0.02, 0.5)),
    "split": Kind(OLD_PRIMARY, 0.4, 2, (0.5, 10.0), "a failover, and one process goes on with the old primary",
                  forgets=UNACKNOWLEDGED),
}  # fmt: skip

#: Faults of any run that were added later. A table of their own keeps the draws of older large worlds.
LATER: dict[str, Kind] = {
    "flood": Kind(QUEUE, 0.12, 1, (0.0, 0.0), "so many entries that can never work, at once", _between(20, 50)),
    "no_writers": Kind(WRITERS, 0.2, 2, (2.0, 12.0), "no writer runs: they are scaled to none"),
}

#: Faults of small worlds that are arranged for them.
ARRANGED: dict[str, Kind] = {
    "refuse_rows": Kind(DATABASE, 0.0, 1, (2.0, 5.0), "the database refuses every change of so many users: a trigger",
                        _between(1, 4)),
    "no_quorum": Kind(DATABASE, 0.0, 1, (1.0, 8.0), "its node lost its quorum: it answers 1047 to everything"),
    "behind": Kind(DATABASE, 0.0, 1, (2.0, 5.0), "one of its two nodes has what the other one committed so much later",
                   _between(0.1, 0.8)),
    "older_build": Kind(WRITERS, 0.0, 1, (1.0, 6.0), "it is of the build before, which does not know one command"),
    "freeze_at_claim": Kind(APIS, 0.0, 1, (4.0, 6.0), "SIGSTOP between the claim of a value and the acceptance, until"
                            " the claim is over"),
    "freeze_after_query": Kind(NODES, 0.0, 1, (0.2, 6.0), "SIGSTOP when the database has answered so many more"
                               " statements, perhaps within a transaction", _between(0, 12)),
    "freeze_after_reply": Kind(NODES, 0.0, 1, (0.2, 6.0), "SIGSTOP when so many more replies of the queue have arrived",
                               _between(0, 12)),
    "taken": Kind(QUEUE, 0.0, 1, (0.0, 0.0), "somebody who is no writer reads entries by hand, or claims them so many"
                  " times", _between(1, 6)),
    "renamed": Kind(QUEUE, 0.0, 1, (1.0, 4.0), "somebody gives the write stream another name, and later its own name,"
                    " as soon as the new stream is empty", forgets=ACKNOWLEDGED),
    "move_slot": Kind(QUEUE, 0.0, 1, (0.5, 4.0), "a slot of the queue moves to another server of the cluster"),
}  # fmt: skip

#: All kinds, by name. A kind that is in two tables is the same on any target.
ALL = OUTSIDE | REPLICATED | LATER | ARRANGED | KINDS
