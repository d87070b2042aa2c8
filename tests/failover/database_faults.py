"""Faults of the database's nodes, while clients write. The queue is one Redis that stays healthy."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local.packages import which
from holdfast.migrations import lock
from holdfast.shared.store.engine import make_engine
from tests.failover.haproxy import before
from tests.failover.pair import Pair, running_pair
from tests.failover.stage import ENOUGH, Stage
from tests.failover.table import Faults, Row, Skipped
from tests.failover.writes import writing
from tests.galera import Galera, running_galera
from tests.group_replication import engine_lacks, running_group
from tests.servers import PATIENT_DATABASE, RedisServer, wait_until

_SHORT_HOLDS, _SHORT_HOLD_S = 20, 0.4


def _queue(folder: Path, stack: ExitStack) -> RedisServer:
    place = folder / "queue"
    place.mkdir()
    queue = RedisServer(place)
    queue.start()
    stack.callback(queue.kill)
    return queue


@contextmanager
def _on_galera(folder: Path, *, behind_proxy: bool = False) -> Iterator[tuple[Stage, Galera]]:
    """Yield a stage on Galera with a dlq_admin. `behind_proxy`: services know only the address of HAProxy."""
    with ExitStack() as stack:
        queue = _queue(folder, stack)
        galera = stack.enter_context(running_galera())
        dsn = stack.enter_context(before(galera, folder)) if behind_proxy else galera.dsn()
        stage = Stage(lambda _: queue.address, lambda: galera.nodes[0], dsn, folder, stack)
        stage.start("dlq_admin")
        yield stage, galera


def killed(folder: Path, *, behind_proxy: bool = False) -> Row:
    """Kill the node in use with SIGKILL, and restart it; it is used again."""
    with _on_galera(folder, behind_proxy=behind_proxy) as (on, galera):
        api = on.start("api")
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH)
            galera.nodes[0].kill()
            on.record.wait_for(ENOUGH)
            wait_until(lambda: any(node.is_used() for node in galera.nodes[1:]), what="another node is used")
            on.record.wait_for(ENOUGH)
            galera.nodes[0].start()
            galera.wait_until_whole()
            wait_until(lambda: galera.nodes[0].is_used(), what="the first node is used again")
            on.record.wait_for(ENOUGH)
        return on.ended()


def killed_behind_proxy(folder: Path) -> Row:
    """Kill the node in use, with HAProxy in front of the nodes: one is active, the others are backups."""
    if not which("haproxy"):
        raise Skipped("haproxy is not installed")
    return killed(folder, behind_proxy=True)


def all_killed(folder: Path) -> Row:
    """Kill all nodes at once with SIGKILL, and start them again; they restore the cluster on their own."""
    with _on_galera(folder) as (on, galera):
        api = on.start("api")
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH)
            for node in galera.nodes:
                node.kill()
            on.record.wait_for(ENOUGH)
            galera.start_all()
            wait_until(lambda: galera.nodes[0].is_used(), what="the database is used again")
            on.record.wait_for(ENOUGH)
        return on.ended()


def quorum_lost(folder: Path) -> Row:
    """Freeze two of three nodes, so that the third answers every statement with 1047, and thaw them again."""
    with _on_galera(folder) as (on, galera):
        api = on.start("api")
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH)
            for node in galera.nodes[1:]:
                node.freeze()
            wait_until(lambda: galera.nodes[0].status("wsrep_ready") == "OFF", what="the quorum is lost")
            on.record.wait_for(ENOUGH)
            for node in galera.nodes[1:]:
                node.thaw()
            galera.wait_until_whole()
            on.record.wait_for(ENOUGH)
        return on.ended()


def held_back(folder: Path) -> Row:
    """Run writers on two nodes, one of which applies late again and again, and then nothing for a long time."""
    with _on_galera(folder) as (on, galera):
        api = on.start("api")
        on.start("writer", name="writer-1")
        on.start("writer", name="writer-2", dsn=galera.dsn(1, 2, 0))
        done = threading.Event()
        with writing(api, on.record):
            on.record.wait_for(ENOUGH)
            for _ in range(_SHORT_HOLDS):
                with galera.nodes[1].held_back():
                    done.wait(_SHORT_HOLD_S)
                done.wait(_SHORT_HOLD_S / 2)
            with galera.nodes[1].held_back():
                wait_until(lambda: galera.nodes[2].is_used(), what="the writer uses another node")
                on.record.wait_for(ENOUGH)
            wait_until(lambda: galera.nodes[1].is_used(), what="the writer goes back")
            on.record.wait_for(ENOUGH)
        return on.ended()


def migrations(folder: Path) -> Row:
    """Run two migrations at two nodes: the second waits until the connection of the first ends."""
    with _on_galera(folder) as (on, galera):
        engines = [make_engine(node.dsn, PATIENT_DATABASE, 1) for node in galera.nodes[:2]]
        with engines[0].connect() as first, engines[1].connect() as second:
            assert lock.take(first, 60)
            assert not lock.take(second, 1)
            first.invalidate()
            assert lock.take(second, 60)
        for engine in engines:
            engine.dispose()
        with writing(on.start("api"), on.record):
            on.record.wait_for(ENOUGH)
        return on.ended()


def member_killed(folder: Path) -> Row:
    """Kill the one of three servers that takes writes, restart it, and make it the primary again in a planned
    switch."""
    if lacks := engine_lacks():
        raise Skipped(lacks)
    with ExitStack() as stack:
        queue = _queue(folder, stack)
        group = stack.enter_context(running_group())
        first = group.members[0]
        on = Stage(lambda _: queue.address, group.primary, group.dsn, folder, stack)
        on.start("dlq_admin")
        api = on.start("api")
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH)
            first.kill()
            on.record.wait_for(ENOUGH)
            wait_until(lambda: any(each.is_primary() for each in group.members[1:]), what="another primary")
            on.record.wait_for(ENOUGH)
            first.start()
            group.wait_until_whole()
            first.take_over()
            wait_until(first.is_used, what="the first host is used again")
            on.record.wait_for(ENOUGH)
        return on.ended()


def promoted(folder: Path) -> Row:
    """Kill the primary of two servers with semi-synchronous replication, promote the standby by hand, rebuild the old
    primary as its standby, and use it again after a planned switch."""
    with ExitStack() as stack:
        queue = _queue(folder, stack)
        pair: Pair = stack.enter_context(running_pair(folder))
        on = Stage(lambda _: queue.address, lambda: pair.primary, pair.dsn, folder, stack)
        on.start("dlq_admin")
        api = on.start("api")
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH)
            pair.primary.kill()
            on.record.wait_for(ENOUGH)
            pair.promote()
            on.record.wait_for(ENOUGH)
            pair.rebuild()
            pair.switch()
            on.record.wait_for(ENOUGH)
            wait_until(lambda: pair.primary.is_used(), what="the first host is used again")
        return on.ended()


FAULTS: Faults = {
    "galera: node killed": killed,
    "galera: node killed, behind HAProxy": killed_behind_proxy,
    "galera: all nodes killed": all_killed,
    "galera: quorum lost": quorum_lost,
    "galera: node held back": held_back,
    "galera: two migrations": migrations,
    "primary killed, standby promoted": promoted,
    "group replication: primary killed": member_killed,
}
