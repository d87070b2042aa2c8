"""Ways to break the promise about the third party's data: see test_promises.py."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.promises.broken import Broken
from tests.promises.final import Arrival
from tests.promises.history import Ok, Opened, Shown


def _asked_again(broken: Broken, later_s: float, shown: int, **more: Any) -> None:
    """Read the third party's data long after its last call."""
    broken.run.call()
    broken.final = replace(broken.final, arrivals=tuple(broken.run.arrivals))
    broken.run.at_s += later_s
    attempt = broken.run.send("GET", "/external-api")
    broken.append(Ok(broken.run.step(), attempt, 200, shown=(Shown("the third party's", shown),), **more))


def external_copy_unmarked(broken: Broken) -> None:
    """Show an answer that is a minute old as if it were fresh."""
    _asked_again(broken, 60, len(broken.run.arrivals) + 1)


def external_copy_older_than_it_says(broken: Broken) -> None:
    """Show a copy that is a minute old with an age of ten seconds."""
    _asked_again(broken, 60, len(broken.run.arrivals) + 1, age_s=10.0, degraded=True)


def external_made_up(broken: Broken) -> None:
    """Show data that the third party never sent."""
    _asked_again(broken, 0, 99_999)


def opened_for_partial_failure(broken: Broken) -> None:
    """Open the breaker although every second call succeeded."""
    log = [
        Arrival(broken.run.step(), "GET", number=1000 + n, peer="proxy-1", fault="fail" if n % 2 else "")
        for n in range(40)
    ]
    broken.final = replace(broken.final, arrivals=(*(broken.final.arrivals or ()), *log))
    broken.append(Opened(broken.run.at_s, "proxy-1", "GET"))


def asked_to_wait(broken: Broken) -> None:
    """Call the third party two seconds after it asked to wait for five (`Retry-After`)."""
    at_s = broken.run.step()
    log = [
        Arrival(at_s, "GET", number=1000, peer="proxy-1", fault="throttle", retry_after_s=5.0),
        Arrival(at_s + 2, "GET", number=1001, peer="proxy-1"),
    ]
    broken.final = replace(broken.final, arrivals=(*(broken.final.arrivals or ()), *log))


EXTERNAL: dict[Callable[[Broken], None], tuple[str, str]] = {
    external_copy_unmarked: ("external", "stale"),
    external_copy_older_than_it_says: ("external", "stale"),
    external_made_up: ("external", "stale"),
    asked_to_wait: ("external", "stampede"),
    opened_for_partial_failure: ("external", "partial failure made total"),
}
