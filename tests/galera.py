"""Galera: a cluster of MariaDB nodes. The first is installed and migrated alone, the others begin as copies of it."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pymysql

from deploy.local.galera import recovered
from tests.conftest import migrate
from tests.ports import free_port
from tests.servers import PASSWORD, Database, wait_until

_PROVIDER = "/usr/lib/galera/libgalera_smm.so"
#: Seconds without an answer after which the cluster excludes a node. A busy machine must not cause that.
_SUSPECT_S = 5
#: The ports for the group, for incremental state transfers and for full ones.
_Ports = tuple[int, int, int]
_NEW = "--wsrep-new-cluster"


class GaleraNode(Database):
    """A node of the cluster. It runs as the user `mysql`, because rsync, which copies the state of one node to another,
    changes its user where root starts it."""

    def __init__(self, folder: Path, ports: Sequence[_Ports], number: int, first: "GaleraNode | None") -> None:
        group, increments, whole = ports[number]
        options = ";".join(
            (
                f"gmcast.listen_addr=tcp://127.0.0.1:{group}", f"ist.recv_addr=127.0.0.1:{increments}",
                "gcache.size=64M", f"evs.suspect_timeout=PT{_SUSPECT_S}S", f"evs.inactive_timeout=PT{2 * _SUSPECT_S}S",
                f"evs.install_timeout=PT{2 * _SUSPECT_S}S", "evs.keepalive_period=PT1S",
            )
        )  # fmt: skip
        super().__init__(
            folder, "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON", f"--wsrep-provider={_PROVIDER}",
            f"--wsrep-cluster-address=gcomm://{','.join(f'127.0.0.1:{each[0]}' for each in ports)}",
            f"--wsrep-node-address=127.0.0.1:{group}", f"--wsrep-node-name=node-{number}",
            f"--wsrep-provider-options={options}", "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{whole}", *([] if first else [_NEW]), copy_of=first, user="mysql",
        )  # fmt: skip

    def launch_where_it_was(self) -> None:
        """Start again after a crash of all nodes. Each node has to know its position, so that the cluster finds the
        most advanced one."""
        self._command.append(f"--wsrep-start-position={recovered(self._command)}")
        self.launch()
        self._command.pop()

    def joins_from_now(self) -> None:
        """Make the next start join an existing cluster instead of creating one."""
        self._command = [part for part in self._command if part != _NEW]

    def answers(self) -> bool:
        """Return whether the node is in step with a cluster that has a quorum."""
        return super().answers() and self.status("wsrep_local_state_comment") == "Synced"

    def status(self, name: str) -> str:
        """Return the value of one status variable of the node."""
        with self.connect(user="root", database=None) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE %s", (name,))
            return str(cursor.fetchall()[0][1])

    def connect(
        self, user: str = "holdfast", database: str | None = "holdfast"
    ) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Return a plain connection. Except as root, it sees all that the cluster has committed."""
        connection = super().connect(user, database)
        if user != "root":
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION wsrep_sync_wait=7")
        return connection

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Keep the node from applying what other nodes commit while the block runs."""
        with self.connect(user="root", database=None) as connection, connection.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            yield
            cursor.execute("UNLOCK TABLES")

    def _make_users(self) -> None:
        if _NEW in self._command:
            super()._make_users()


class Galera:
    """A running cluster."""

    def __init__(self, nodes: list[GaleraNode]) -> None:
        self.nodes = nodes

    def dsn(self, *order: int) -> str:
        """Return a DB_DSN with all nodes in this order, by default in that of their numbers."""
        places = order or range(len(self.nodes))
        hosts = ",".join(f"127.0.0.1:{self.nodes[place].port}" for place in places)
        return f"mysql://holdfast:{PASSWORD}@{hosts}/holdfast"

    def start_all(self) -> None:
        """Start all nodes again after all were killed. Galera restores the cluster when they meet."""
        for node in self.nodes:
            node.launch_where_it_was()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Wait until every node is in step with all others."""
        size = str(len(self.nodes))
        wait_until(
            lambda: all(node.answers() and node.status("wsrep_cluster_size") == size for node in self.nodes),
            what="the cluster is whole",
        )


@contextmanager
def running_galera() -> Iterator[Galera]:
    """Yield a cluster of three nodes, migrated."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-galera-"))
    folder.chmod(0o755)  # so that the user mysql can enter it
    ports = [(free_port(), free_port(), free_port()) for _ in range(3)]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        nodes: list[GaleraNode] = []
        for number in range(3):
            place = folder / f"node-{number}"
            place.mkdir()
            if os.geteuid() == 0:
                shutil.chown(place, "mysql")
            nodes.append(GaleraNode(place, ports, number, nodes[0] if nodes else None))
            stack.callback(nodes[number].kill)
            if number == 0:
                nodes[0].start()
                migrate(nodes[0].dsn)
                nodes[0].stop()
        nodes[0].start()
        nodes[0].joins_from_now()
        for node in nodes[1:]:
            node.start()
        galera = Galera(nodes)
        galera.wait_until_whole()
        yield galera
