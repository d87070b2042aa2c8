"""Repeat: `pytest --repeat 20 tests/...` runs each test 20 times; `make test-repeat N=20 TEST=...` does so for one
test."""

import pytest

_NAME = "repetition"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--repeat`."""
    parser.addoption("--repeat", type=int, default=1, metavar="N", help="run each test N times")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test once for each repetition."""
    times = metafunc.config.getoption("repeat")
    if times > 1:
        metafunc.fixturenames.append(_NAME)
        metafunc.parametrize(_NAME, range(times))
