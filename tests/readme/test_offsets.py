"""Copies of the repository run beside each other, and beside the servers of other tests."""

from collections import Counter

from deploy.local.settings import StackSettings
from tests import ports
from tests.readme.clone import LOCKS, OFFSETS


def test_no_two_copies_use_the_same_port() -> None:
    """Two copies of the stack share no port with each other, with the tests' servers, with locks or with the ports of
    outgoing connections."""
    one = {port for _, port in StackSettings(ha=1).ports()}
    moved = Counter(port + offset for port in one for offset in OFFSETS)
    assert moved.most_common(1)[0][1] == 1
    assert not moved.keys() & {*ports.RANGE, *LOCKS}
    assert max(moved) < 32_768
