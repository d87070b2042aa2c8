"""Many writes of one user: they conflict, and their order matters most."""

from tests.integration.conftest import StartWriter
from tests.servers import Database
from tests.stream import Stream, change, new_user


def test_two_writers_apply_a_queue_of_writes_to_one_user_in_order(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """Two writers apply two thousand consecutive changes of one user; none is superseded, and the last one stands."""
    user = new_user("Name 0")
    changes = [change(user.entity_id, name=f"Name {n}") for n in range(1, 2001)]
    writes = [user, *changes]
    for at in range(0, len(writes), 250):
        stream.accept(writes[at : at + 250])
    for name in ("writer-1", "writer-2"):
        start_writer(name, HOLDFAST_WRITER_BATCH_MAX="100")
    stream.wait_for_end(writes)
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT effect, COUNT(*) FROM operations GROUP BY effect")
        assert cursor.fetchall() == (("applied", 2001),)
        cursor.execute("SELECT name FROM users")
        assert cursor.fetchone() == ("Name 2000",)
