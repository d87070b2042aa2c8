"""Closes what killed processes of a simulation left open at the end of each test, so that no later test is affected."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Collect garbage at once, without the warnings for resources that an orderly exit would have closed."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
