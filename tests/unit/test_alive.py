"""After a test that failed, what it started ends, and what it broke runs again."""

import pytest

from tests import after_failure, alive


class Fake:
    """A process that only records whether it runs."""

    def __init__(self) -> None:
        self.running = True
        alive.known(self)

    def start(self) -> None:
        """Start the process."""
        self.running = True

    def thaw(self) -> None:
        """Do nothing, because the process is never frozen."""

    def kill(self) -> None:
        """End the process."""
        self.running = False


@pytest.mark.parametrize("ends", [True, False], ids=["failed", "passed"])
def test_a_test_that_fails_leaves_the_processes_of_fixtures_as_it_found_them(ends: bool) -> None:
    """When a test fails, its own processes are ended and the processes of fixtures that it killed are restarted; after
    a test that passes nothing is changed."""
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
    """When a fixture fails, the processes that it started are ended, because no teardown would end them."""
    before = Fake()
    setup = after_failure.pytest_fixture_setup()
    next(setup)
    started = Fake()
    with pytest.raises(ValueError, match="no"):
        setup.throw(ValueError("no"))
    assert (before.running, started.running) == (True, False)
