"""After a test that failed, what it started ends, and what it broke runs again."""

import pytest

from tests import after_failure, alive


class Fake:
    """A process that only says that it runs."""

    def __init__(self) -> None:
        self.running = True
        alive.known(self)

    def start(self) -> None:
        """It runs."""
        self.running = True

    def thaw(self) -> None:
        """It was not frozen."""

    def kill(self) -> None:
        """It does not run."""
        self.running = False


@pytest.mark.parametrize("ends", [True, False], ids=["failed", "passed"])
def test_a_test_that_fails_leaves_the_processes_of_fixtures_as_it_found_them(ends: bool) -> None:
    """One that passes is believed to know what it does."""
    fixture, dead = Fake(), Fake()
    dead.kill()
    call = after_failure.pytest_pyfunc_call()
    next(call)
    of_the_test = Fake()
    fixture.kill()
    with pytest.raises(ValueError if ends else StopIteration):
        call.throw(ValueError) if ends else next(call)
    assert (fixture.running, dead.running, of_the_test.running) == (ends, False, not ends)


def test_a_fixture_that_fails_leaves_no_process() -> None:
    """What it has started would never be ended."""
    before = Fake()
    setup = after_failure.pytest_fixture_setup()
    next(setup)
    started = Fake()
    with pytest.raises(ValueError, match="no"):
        setup.throw(ValueError("no"))
    assert (before.running, started.running) == (True, False)
