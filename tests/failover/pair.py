"""A pair: a MariaDB primary and its standby, which receives each write before the primary acknowledges it."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import migrate
from tests.database_faults import as_root
from tests.servers import PASSWORD, START_DEADLINE_S, Database, wait_until

_FOREVER_MS = 10_000_000


class Pair:
    """Two servers: `primary` takes writes, `standby` follows. `first` comes first in the DSN."""

    def __init__(self, first: Database, second: Database) -> None:
        self.primary, self.standby = first, second
        hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
        self.dsn = f"mysql://holdfast:{PASSWORD}@{hosts}/holdfast"

    def follow(self) -> None:
        """Make the standby follow the primary."""
        as_root(
            self.standby,
            f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={self.primary.port}, MASTER_USER='replica',"
            f" MASTER_PASSWORD='{PASSWORD}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1",
        )
        as_root(self.standby, "START SLAVE")
        as_root(self.primary, "SET GLOBAL rpl_semi_sync_master_enabled = 1")
        wait_until(lambda: self._clients() == 1, what="the primary has a standby")

    def promote(self) -> None:
        """After the loss of the primary, wait until the standby has applied all that it received, and make it the
        primary."""
        wait_until(self._has_applied_all, what="the standby has applied what it received")
        as_root(self.standby, "STOP SLAVE")
        as_root(self.standby, "SET GLOBAL read_only = 0")
        self.primary, self.standby = self.standby, self.primary

    def rebuild(self) -> None:
        """Restart the old primary as a copy of the new one. Writes that only the old primary has are given up."""
        self.standby.start()
        as_root(self.standby, "RESET MASTER")
        dump = self._run("mariadb-dump", self.primary, "--single-transaction", "--master-data=1", "--gtid", "holdfast")
        self._run("mariadb", self.standby, "holdfast", text=dump)
        self.follow()

    def switch(self) -> None:
        """Swap the servers as planned: the primary stops taking writes, the standby applies them all, and takes its
        place."""
        as_root(self.primary, "SET GLOBAL rpl_semi_sync_master_enabled = 0")
        as_root(self.primary, "SET GLOBAL read_only = 1")
        with self.primary.connect(user="root") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@global.gtid_binlog_pos")
            (position,) = cursor.fetchall()[0]
        with self.standby.connect(user="root") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT MASTER_GTID_WAIT(%s, 50)", (position,))
            assert cursor.fetchall() == ((0,),), "the standby has all writes"
        as_root(self.standby, "STOP SLAVE")
        as_root(self.standby, "SET GLOBAL read_only = 0")
        self.primary, self.standby = self.standby, self.primary

    def _clients(self) -> int:
        with self.primary.connect(user="root") as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'")
            return int(cursor.fetchall()[0][1])

    def _has_applied_all(self) -> bool:
        with self.standby.connect(user="root") as connection, connection.cursor() as cursor:
            cursor.execute("SHOW SLAVE STATUS")
            status = dict(zip((each[0] for each in cursor.description), cursor.fetchall()[0], strict=True))
        return str(status["Slave_SQL_Running_State"]).startswith("Slave has read all relay log")

    def _run(self, program: str, server: Database, *arguments: str, text: bytes = b"") -> bytes:
        command = [program, f"--socket={server.socket}", "--user=root", *arguments]
        done = subprocess.run(command, input=text, capture_output=True, timeout=START_DEADLINE_S, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


@contextmanager
def running_pair(folder: Path) -> Iterator[Pair]:
    """Yield a migrated pair. Both servers start read-only, as each server of a pair must."""
    with ExitStack() as stack:
        servers = []
        for number in (1, 2):
            place = folder / f"server-{number}"
            place.mkdir()
            server = Database(
                place, f"--server-id={number}", "--log-bin=binlog", "--log-slave-updates", "--read-only=1",
                "--rpl-semi-sync-slave-enabled=1", "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
                f"--rpl-semi-sync-master-timeout={_FOREVER_MS}", "--slave-parallel-threads=0",
            )  # fmt: skip
            server.start()
            stack.callback(server.kill)
            as_root(server, f"GRANT REPLICATION SLAVE ON *.* TO 'replica'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
            as_root(server, "RESET MASTER")
            servers.append(server)
        pair = Pair(servers[0], servers[1])
        as_root(pair.primary, "SET GLOBAL read_only = 0")
        pair.follow()
        migrate(pair.primary.dsn)
        yield pair
