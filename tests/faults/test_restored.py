"""A database that has lost acknowledged writes: it was restored from an older copy, or failed over to a replica that
was behind."""

import shutil
from pathlib import Path

from tests import processes
from tests.integration.test_version_floor import ledger
from tests.servers import Database, RedisServer
from tests.stream import Stream, change, new_user


def test_an_older_database_is_seen_and_worked_with(
    tmp_path: Path, own_redis: RedisServer, own_database: Database
) -> None:
    """The ledger counts the writes that an older database is missing, and later writes are applied, also to users from
    before the loss."""
    stream = Stream(own_redis, own_database)
    writer = processes.writer(tmp_path, own_redis.address, own_database.dsn, **processes.QUICK).start()
    try:
        kept = [new_user(f"kept {number}") for number in range(3)]
        stream.accept(kept)
        stream.wait_for_end(kept)
        own_database.kill()
        shutil.copytree(own_database.folder / "data", tmp_path / "copy")
        own_database.start()
        lost = [new_user("lost"), *(change(user.entity_id, name="lost") for user in kept)]
        stream.accept(lost)
        stream.wait_for_end(lost)
        assert ledger(own_redis, own_database).missing == 0
        own_database.kill()
        shutil.rmtree(own_database.folder / "data")
        (tmp_path / "copy").rename(own_database.folder / "data")
        own_database.start()
        assert ledger(own_redis, own_database).missing == len(lost)
        after = [new_user("after"), *(change(user.entity_id, name="after") for user in kept)]
        stream.accept(after)
        stream.wait_for_end(after)
    finally:
        writer.kill()
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT name FROM users")
        assert cursor.fetchall() == (("after",),)
    assert ledger(own_redis, own_database).missing == len(lost)
