"""An Idempotency-Key is recognised, whatever happened to its record: the same request is the same operation, and
another request with that key is refused, at once or as an operation of its own."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from holdfast.shared.queue.names import KEY
from tests.client import WAIT
from tests.faults.conftest import StartWriter
from tests.faults.rig import AWAY, Rig
from tests.integration.test_api_accepts import error_of, key
from tests.servers import wait_until

BODY = {"name": "Ada King", "email": "king@example.com"}
OTHER = {"name": "Eve", "email": "king@example.com"}

#: Each makes the first request and then causes one state of its key; a writer runs or not.
Met = Callable[[Rig, Callable[[], httpx.Response]], httpx.Response]


def queued(_: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Leave the write on the stream."""
    return send()


def forgotten_while_queued(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Leave the write on the stream, with its key forgotten early."""
    first = send()
    forget_keys(rig)
    return first


def direct(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Write to the database without the queue, which then comes back."""
    rig.to_queue.set(AWAY)
    first = send()
    assert (first.status_code, first.json()["meta"]["way"]) == (200, "direct")
    rig.to_queue.heal()
    return once_healed(rig, first)


def direct_and_restarted(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Write to the database without the queue, and kill that api before the queue is back."""
    rig.to_queue.set(AWAY)
    first = send()
    rig.api.kill()
    rig.to_queue.heal()
    rig.api.start()
    return once_healed(rig, first)


def applied(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Have the write applied through the queue, which knows the key."""
    first = send()
    rig.wait_until_applied(first.headers["location"])
    return first


def ended_a_while_ago(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Have the write applied, with the queue only knowing that the key was used."""
    first = applied(rig, send)
    forget_keys(rig)
    return first


def ended_and_nobody_to_ask(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Have the write applied, with the queue only knowing that the key was used, and the database away."""
    first = ended_a_while_ago(rig, send)
    rig.to_database.set(AWAY)
    return first


def emptied(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Have the write applied, and empty the queue."""
    first = applied(rig, send)
    with rig.queue.client() as queue:
        queue.flushall()
    return first


def away(rig: Rig, send: Callable[[], httpx.Response]) -> httpx.Response:
    """Have the write applied through the queue, and take the queue away."""
    first = applied(rig, send)
    rig.to_queue.set(AWAY)
    return first


def forget_keys(rig: Rig) -> None:
    """Delete the keys' records, as happens soon after the end of a write."""
    with rig.queue.client() as queue:
        assert queue.delete(*queue.keys(KEY + "*"))


def once_healed(rig: Rig, first: httpx.Response) -> httpx.Response:
    """Return the response when the api reaches the queue again."""
    user = f"/users/{first.json()['data']['id']}"
    wait_until(lambda: rig.client.get(user).json()["meta"].get("pending") is not None, what="it heals")
    return first


def test_met_again_while_queued(rig: Rig, start_writer: StartWriter) -> None:
    """A key that is reused before anything is applied leads to the same end, also if the queue forgot it."""
    path = rig.known_user()
    met = [meet(rig, path, how) for how in (queued, forgotten_while_queued)]
    start_writer()
    for each in met:
        each.check(rig, path)


def test_met_again_when_applied(rig: Rig, start_writer: StartWriter) -> None:
    """A reused key is recognized after its write was applied, whichever way it was applied and whatever the queue still
    knows."""
    path = rig.known_user()
    start_writer()
    for how in (
        applied, ended_a_while_ago, direct, emptied, direct_and_restarted, away, ended_and_nobody_to_ask,
    ):  # fmt: skip
        meet(rig, path, how).check(rig, path)
        wait_until(lambda: rig.client.get(path).json()["meta"].get("pending") is False, what="nothing is on its way")
        assert rig.client.get(path).json()["data"]["name"] == how.__name__


@dataclass(frozen=True)
class Meeting:
    """One use of a key for a request, then for another request, then for the first again."""

    how: Met
    first: httpx.Response
    other: httpx.Response
    again: httpx.Response

    def check(self, rig: Rig, path: str) -> None:
        """Assert that the same body is the same operation, and that another body is refused: at once, or in the end
        where neither store could know."""
        assert self.again.status_code in (200, 202), self.how
        assert self.again.json()["data"]["operation_id"] == self.first.json()["data"]["operation_id"]
        if self.other.status_code == 202:
            assert self.how in (forgotten_while_queued, ended_and_nobody_to_ask)
            ended = rig.wait_until_over(self.other.headers["location"])
            assert (ended["status"], ended["error"]["code"]) == ("rejected", "IDEMPOTENCY_KEY_REUSED")
        else:
            assert (self.other.status_code, error_of(self.other)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), self.how
        assert rig.wait_until_over(f"/operations/{self.first.json()['data']['operation_id']}")["status"] == "applied"


def meet(rig: Rig, path: str, how: Met) -> Meeting:
    """Use a new key three times."""
    headers = key()

    def send(name: str = how.__name__) -> httpx.Response:
        body = {"name": name, "email": "king@example.com"}
        return rig.client.patch(path, json=body, headers=headers)

    first = how(rig, send)
    other, again = send("Eve"), send()
    rig.to_queue.heal()
    rig.to_database.heal()
    if again.status_code >= 500:  # the queue knows of two requests with this key, and cannot know which came first
        assert (how, error_of(again)["retryable"]) == (ended_and_nobody_to_ask, True)
        again = rig.sent("PATCH", path, 202, json={"name": how.__name__, "email": "king@example.com"}, headers=headers)
    rig.wait_until_fresh(path)
    wait_until(lambda: rig.client.get(path).json()["meta"].get("pending") is not None, what="it heals")
    return Meeting(how, first, other, again)


def test_who_waits_gets_the_outcome(rig: Rig, start_writer: StartWriter) -> None:
    """A caller that waits gets the refusal itself, also where only the database knows the key."""
    path, headers = rig.known_user(), key()
    start_writer()
    assert rig.client.patch(path, json=BODY, headers=headers | WAIT).status_code == 200
    forget_keys(rig)
    reused = rig.client.patch(path, json=OTHER, headers=headers | WAIT)
    assert (reused.status_code, error_of(reused)["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_keys_of_direct_writes_reach_the_queue(rig: Rig) -> None:
    """A key of a direct write is handed over to the queue when the queue is back, and then removed from the
    database."""
    path, headers = rig.known_user(), key()
    rig.to_queue.set(AWAY)
    rig.client.patch(path, json=BODY, headers=headers)
    assert rig.count("direct_keys") == 1
    rig.to_queue.heal()
    wait_until(lambda: rig.count("direct_keys") == 0, what="handed over")
    with rig.queue.client() as queue:
        assert len(queue.keys(KEY + "*")) == 1
    rig.wait_until_whole()
    again = rig.client.patch(path, json=BODY, headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert rig.backlog() == 0
