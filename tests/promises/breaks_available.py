"""Ways to break the promise about one dependency that is down: see test_promises.py."""

from collections.abc import Callable

from tests.promises.available import NOTICED_S
from tests.promises.broken import Broken
from tests.promises.history import Alone, Fail, Ok

_REQUESTS = 12


def database_alone(broken: Broken, *, usable: int, code: str = "WRITES_UNAVAILABLE", if_match: int = 0) -> None:
    """Let the database alone be down, and writes be refused meanwhile, except the first `usable`."""
    began_s = broken.run.step()
    broken.run.at_s += NOTICED_S
    for number in range(_REQUESTS):
        body = {"name": "n", "email": f"alone{number}@example.com"}
        key = f"alone-{number}"
        attempt = broken.run.send("POST", "/users", body=body, key=key, if_match=if_match)
        refused = Fail(broken.run.step(), attempt, 503, code, retryable=True)
        accepted = Ok(broken.run.at_s, attempt, 202, f"alone-{number}", f"alone-{number}", 10**6 + number, "queued")
        broken.append(accepted if number < usable else refused)
    broken.append(Alone(began_s, broken.run.step(), "database"))


def no_write_is_accepted(broken: Broken) -> None:
    """Refuse every write that is sent meanwhile."""
    database_alone(broken, usable=0)


def most_writes_are_refused(broken: Broken) -> None:
    """Accept one write, and refuse the others."""
    database_alone(broken, usable=1)


AVAILABLE: dict[Callable[[Broken], None], tuple[str, str]] = {
    no_write_is_accepted: ("available", "unavailable"),
    most_writes_are_refused: ("available", "unavailable"),
}
