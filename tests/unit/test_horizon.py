"""The horizon as a rule, without a store."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.writes.horizon import Waiting, horizon, tombstone_horizon

_US = 1_000_000
_version = st.integers(0, 2**52)


@given(_version, _version, st.none() | _version, st.none() | _version, st.integers(60, 10**8), st.integers(60, 10**6))
def test_nothing_that_may_come_back_is_beyond_it(
    now: int, newest: int, entry: int | None, letter: int | None, keep_s: int, key_s: int
) -> None:
    """The horizon is a key's lifetime older than every waiting entry and letter, and the retention older than now and
    than the newest operation, so that a clock that is ahead moves nothing."""
    to = horizon(now, newest, Waiting(entry, letter), keep_s=keep_s, key_lifetime_s=key_s)
    limits = [version - key_s * _US for version in (entry, letter) if version is not None]
    limits += [version - keep_s * _US for version in (now, newest)]
    limits += [version - key_s * _US for version in (now, newest)]
    assert to == max(0, min(limits))


@given(_version, _version, _version, st.integers(0, 10**8))
def test_a_tombstone_outlives_every_write_that_it_turns_away(
    committed: int, now: int, newest: int, keep_s: int
) -> None:
    """A tombstone stays, whatever its retention, until the horizon that refuses the writes from before it is in
    force."""
    to = tombstone_horizon(committed, now, newest, keep_s=keep_s)
    assert to == max(0, min(committed, now - keep_s * _US, newest - keep_s * _US))
