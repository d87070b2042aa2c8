"""Replays over HTTP: what is sent has the outcome that is shown, once, and nothing else is sent."""

import uuid
from typing import Any

import orjson
import pytest

from holdfast.shared.queue.names import LEDGER, OPERATION, REPLAY, WRITERS_GROUP, WRITES
from tests import keys, processes
from tests.integration.test_writer_dead_letters import altered
from tests.replays.conftest import LONG, SHORT, Desk
from tests.servers import wait_until
from tests.stream import change, new_user
from tests.users import EMAILS, PENDING

pytestmark = pytest.mark.long


def operation_rows(desk: Desk) -> dict[str, tuple[str, int]]:
    """Return the effect and the version of each operation."""
    with desk.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT operation_id, effect, version FROM operations")
        return {id: (effect, version) for id, effect, version in cursor.fetchall()}


def test_a_group_is_replayed_and_applied(desk: Desk, writer: processes.Service) -> None:
    """A group is replayed, canary first, and each letter is applied with its own operation and version; the queue keeps
    nothing of it but the counter and a closed replay."""
    users = [new_user("much too long") for _ in range(40)]
    ids = desk.bury(users)
    [group] = desk.data("GET", "/dlq/groups")
    wish = {"selection": {"fingerprint": group["fingerprint"]}, "reason": "look", "dry_run": True}
    assert desk.data("POST", "/dlq/replays", json=wish)["count"] == 40
    what_if = desk.data("POST", "/dlq/what-if", json={"selection": wish["selection"]})
    assert what_if["verdicts"] == {"would_apply": 40}
    replay = desk.over(desk.replay(wish["selection"], 40))
    assert replay["state"] == "done"
    assert replay["counts"]["applied"] == 40
    assert desk.outcomes(replay) == dict.fromkeys(ids, "applied")
    assert desk.states(*ids[:3]) == ["applied"] * 3
    rows = operation_rows(desk)
    assert {id: effect for id, (effect, _) in rows.items()} == {user.operation_id: "applied" for user in users}
    with desk.redis_server.client() as client:
        assert client.hgetall(EMAILS) == {}
        assert client.hget(LEDGER, "replayed") == b"40"
        assert client.hgetall(f"{REPLAY}{replay['id']}") == {b"closed": b"1"}
        assert [*client.scan_iter(f"{PENDING}*"), *client.scan_iter(f"{OPERATION}*")] == []
    letter = desk.data("GET", f"/dlq/letters/{ids[0]}")
    assert orjson.loads(letter["outcome"])["entity_version"] == rows[users[0].operation_id][1]
    assert [entry["action"] for entry in letter["lineage"]["audit"]] == ["replay"]
    wait_until(desk.balanced, what="the ledger balances")


def test_every_outcome_is_shown(desk: Desk, writer: processes.Service) -> None:
    """A replay shows applied, superseded, duplicate, rejected, failed the same and failed differently, and the failed
    items of a replay can be selected for the next."""
    users = {name: new_user(f"{name} too long") for name in ("applied", "duplicate", "rejected", "same", "other")}
    updated = new_user("Ann")
    desk.stream.accept([updated])
    old = change(updated.entity_id, name="an old long name")
    [old_id] = desk.bury([old])
    newer = change(updated.entity_id, name="New")
    ids = dict(zip(users, desk.bury([*users.values()]), strict=True))
    desk.stream.accept([newer])
    wait_until(lambda: desk.stream.backlog() == 0, what="the newer one is applied")
    other = new_user("x", email=users["rejected"].command.values["email"])
    with desk.redis_server.client() as client, desk.database.connect() as connection:
        client.delete(EMAILS)  # so that another entity may take the address
        desk.stream.accept([other])
        wait_until(lambda: desk.stream.backlog() == 0, what="the address is taken")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO operations"
                " (operation_id, resource, entity_id, command, version, effect, entity_version, ended_at)"
                " VALUES (%s, 'users', %s, 'CreateUser', 1, 'applied', 1, NOW())",
                (users["duplicate"].operation_id, users["duplicate"].entity_id),
            )
    raw = {"payload": {"name": "other too long", "email": "x@example.com"}}
    edit = desk.data("POST", f"/dlq/letters/{ids['other']}/edits", json={"reason": "a test", **raw})
    assert edit["changed"]
    trigger = (
        "CREATE TRIGGER odd BEFORE INSERT ON users FOR EACH ROW IF NEW.name = 'other too long' THEN"
        " SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 3819; ELSEIF NEW.name = 'same too long' THEN"
        " SIGNAL SQLSTATE '22001' SET MYSQL_ERRNO = 1406; END IF"
    )
    everything = [*ids.values(), old_id]
    with altered(desk.database, trigger, "DROP TRIGGER odd"):
        stop = {"failing_share": 1}
        replay = desk.over(desk.replay({"ids": everything}, 6, canary=[], stop=stop))
    assert desk.outcomes(replay) == {
        ids["applied"]: "applied", ids["duplicate"]: "duplicate", ids["rejected"]: "rejected",
        ids["same"]: "failed_same", ids["other"]: "failed_differently", old_id: "superseded",
    }  # fmt: skip
    assert desk.states(ids["same"], ids["duplicate"]) == ["dead_again", "duplicate"]
    [again] = desk.data("GET", f"/dlq/replays/{replay['id']}/items", params={"outcome": "failed_same", "limit": 1})
    new_letter = again["detail"]["letter"]
    data = desk.data("GET", f"/dlq/letters/{new_letter}", params={"reveal": "a test"})
    fields = {each["name"]: each["value"] for each in data["original"]}
    assert fields["replay"] == str(replay["id"])
    assert fields["letter"] == ids["same"]
    assert data["state"] == "dead"
    desk.indexed()
    failed = {"replay": {"id": replay["id"], "outcomes": ["failed_same", "failed_differently"]}}
    done = desk.over(desk.replay(failed, 2, canary=[]))
    assert done["counts"]["applied"] == 2
    wait_until(desk.balanced, what="the ledger balances")


def test_an_undecodable_letter_is_edited_and_applied(desk: Desk, writer: processes.Service) -> None:
    """A letter with an outdated schema fails again when it is replayed as it is, and is applied like any other write
    after an edit."""
    operation, user = str(uuid.uuid4()), str(uuid.uuid4())
    payload = {"full_name": "Ann", "email": f"{user}@example.com"}
    entry = {"schema": "1", "command": "CreateUser", "operation_id": operation, "user_id": user, "version": "7",
             "payload": orjson.dumps(payload)}  # fmt: skip
    desk.stream.add_raw(entry)
    wait_until(lambda: desk.stream.backlog() == 0, what="dead")
    desk.indexed()
    [letter] = desk.data("GET", "/dlq/letters")
    first = desk.over(desk.replay({"ids": [letter["id"]]}, 1))
    assert desk.outcomes(first) == {letter["id"]: "failed_same"}
    [again] = desk.data("GET", "/dlq/letters", params={"state": "dead"})
    patch = [{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}]
    wish = {"selection": {"ids": [again["id"]]}, "reason": "renamed", "patch": patch}
    assert desk.data("POST", "/dlq/transforms", json=wish | {"dry_run": True})["verdicts"] == {"would_apply": 1}
    desk.data("POST", "/dlq/transforms", json=wish | {"expected_count": 1})
    second = desk.over(desk.replay({"ids": [again["id"]]}, 1))
    assert desk.outcomes(second) == {again["id"]: "applied"}
    assert operation_rows(desk) == {operation: ("applied", 7)}


def test_it_stops_by_itself_and_goes_on(desk: Desk, writer: processes.Service) -> None:
    """A replay whose canary fails as before stops and sends nothing more until it is resumed; a failed letter becomes a
    new dead letter."""
    ids = desk.bury([new_user("much too long") for _ in range(20)])
    with altered(desk.database, SHORT, LONG):
        replay = desk.replay({"ids": ids}, 20)
        wait_until(lambda: desk.one(replay)["state"] == "stopped", what="stopped")
    stopped = desk.one(replay)
    assert (stopped["sent"], stopped["counts"]["failed_same"], stopped["counts"]["waiting"]) == (1, 1, 19)
    assert "failed again as before" in stopped["state_reason"]
    desk.say(replay, "resume")
    done = desk.over(replay)
    assert (done["counts"]["applied"], done["counts"]["failed_same"]) == (19, 1)
    assert desk.ask("POST", f"/dlq/replays/{replay['id']}/pause", json={"reason": "late"}).status_code == 409


def test_cancel_leaves_the_rest_as_it_was(desk: Desk, writer: processes.Service) -> None:
    """When a slow replay is cancelled, the letters that were not sent are dead, and can be replayed again."""
    ids = desk.bury([new_user("much too long") for _ in range(40)])
    replay = desk.replay({"ids": ids}, 40, canary=[], rate_per_s=1)
    wait_until(lambda: desk.one(replay)["counts"]["applied"] > 1, what="some are applied")
    desk.say(replay, "pause")
    before = desk.one(replay)
    assert before["state"] == "paused"
    done = desk.say(replay, "cancel") and desk.over(replay)
    assert done["state"] == "cancelled"
    assert done["counts"]["applied"] + done["counts"]["withdrawn"] == 40
    assert done["counts"]["withdrawn"] > 20
    rest = desk.data("POST", "/dlq/replays", json={"selection": {"ids": ids}, "reason": "look", "dry_run": True})
    assert rest["count"] == done["counts"]["withdrawn"]
    wait_until(desk.balanced, what="the ledger balances")


def test_a_large_one_needs_a_second_person(desk: Desk, writer: processes.Service) -> None:
    """A replay above the limit sends nothing until another operator than its creator has approved it."""
    ids = desk.bury([new_user("much too long") for _ in range(41)])
    wrong = {"selection": {"ids": ids}, "reason": "a test", "expected_count": 40}
    assert desk.ask("POST", "/dlq/replays", json=wrong).json()["error"]["code"] == "COUNT_MISMATCH"
    replay = desk.replay({"ids": ids}, 41)
    assert replay["state"] == "awaiting_approval"
    again = wrong | {"expected_count": 0}
    assert desk.ask("POST", "/dlq/replays", json=again).json()["error"]["code"] == "NOTHING_TO_REPLAY"
    path = f"/dlq/replays/{replay['id']}/approve"
    assert desk.ask("POST", path, json={"reason": "mine"}).json()["error"]["code"] == "SECOND_PERSON_NEEDED"
    assert desk.states(ids[0]) == ["replaying"]
    desk.say(replay, "approve", keys.ADMIN)
    assert desk.over(replay)["counts"]["applied"] == 41


def test_recall_takes_back_what_no_writer_has(desk: Desk, writer: processes.Service) -> None:
    """A recall takes back all letters that no writer has taken, here those of a stopped writer, and leaves nothing of
    them on the queue."""
    first, second = new_user("much too long"), new_user("also too long")
    ids = desk.bury([first, second])
    email = {"reason": "a test", "patch": [{"op": "replace", "path": "/payload/email", "value": "new@example.com"}]}
    desk.data("POST", f"/dlq/letters/{ids[0]}/edits", json=email)
    with desk.redis_server.client() as client:
        reserved = client.hgetall(EMAILS)
        assert writer.stop() == 0  # ends in order, so that it holds no entries
        try:
            replay = desk.replay({"ids": ids}, 2, canary=[])
            wait_until(lambda: desk.one(replay)["in_flight"] == 2, what="sent")
            groups: Any = client.xinfo_groups(WRITES)
            [given] = [each["last-delivered-id"] for each in groups if each["name"] == WRITERS_GROUP.encode()]
            on_stream = client.xrange(WRITES, f"({given.decode()}")
            desk.say(replay, "recall")
            wait_until(lambda: desk.one(replay)["counts"]["recalled"] == len(on_stream), what="recalled")
        finally:
            writer.start()
        done = desk.over(replay)
        assert done["state"] == "recalled"
        assert done["counts"]["recalled"] == 2
        assert desk.states(*ids) == ["dead", "dead"]
        assert client.xlen(WRITES) == 0
        assert client.hgetall(EMAILS) == reserved
        assert [*client.scan_iter(f"{PENDING}*")] == []
    assert operation_rows(desk) == {}
    wait_until(desk.balanced, what="the ledger balances")


def test_recall_of_a_cancelled_one_takes_back_what_no_writer_has(desk: Desk, writer: processes.Service) -> None:
    """A recall also works after a cancel, because letters that were sent still wait on the stream when the rest is
    withdrawn."""
    ids = desk.bury([new_user("much too long") for _ in range(3)])
    assert writer.stop() == 0
    try:
        replay = desk.replay({"ids": ids}, 3, canary=[], in_flight_max=2)
        wait_until(lambda: desk.one(replay)["in_flight"] == 2, what="two are sent")
        desk.say(replay, "cancel")
        wait_until(lambda: desk.one(replay)["counts"]["withdrawn"] == 1, what="the third is withdrawn")
        assert desk.one(replay)["state"] == "cancelling"
        desk.say(replay, "recall")
        wait_until(lambda: desk.one(replay)["state"] == "recalled", what="recalled")
    finally:
        writer.start()
    counts = desk.one(replay)["counts"]
    assert (counts["recalled"], counts["withdrawn"], desk.states(*ids)) == (2, 1, ["dead"] * 3)
    assert operation_rows(desk) == {}
    wait_until(desk.balanced, what="the ledger balances")


def test_kill_9_of_its_driver_sends_nothing_twice(desk: Desk, dlq: processes.Service, writer: Any) -> None:
    """When the driver is killed again and again in the middle of a replay, its successor goes on, and each letter is
    sent once."""
    ids = desk.bury([new_user("much too long") for _ in range(40)])
    replay = desk.replay({"ids": ids}, 40, canary=[2, 3], rate_per_s=20)
    for applied in (1, 8, 20):
        wait_until(lambda applied=applied: desk.one(replay)["counts"]["applied"] >= applied, what="some")  # type: ignore[misc]
        assert desk.balanced(), "while it runs"
        dlq.kill()
        assert desk.balanced(), "with what was meant to be sent left in the middle"
        dlq.start()
    assert desk.over(replay)["counts"]["applied"] == 40
    with desk.redis_server.client() as client:
        assert client.hget(LEDGER, "replayed") == b"40"
        assert client.hget(LEDGER, "duplicates") is None
    wait_until(desk.balanced, what="the ledger balances")
