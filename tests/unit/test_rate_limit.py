"""Rate limits: to which client a request belongs, and how many requests may pass."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import ConnectionError

from holdfast.services.api.breakers import make_breakers
from holdfast.services.api.rate_limit import Clients
from holdfast.services.api.rate_limit_policy import RatePolicy, grant, rate_policy, whole_seconds
from holdfast.shared.http.forwarded import Addresses, networks
from holdfast.shared.http.keys import ANYBODY, Principal


def scope(peer: str, *headers: tuple[str, str], principal: Principal | None = None) -> dict[str, Any]:
    """Return the scope of a request from `peer`."""
    sent = [(name.encode(), value.encode()) for name, value in headers]
    return {"client": (peer, 1), "headers": sent, "principal": principal}


_OURS = Clients(Addresses(networks("10.0.0.0/8, fd00::/8"), "x-forwarded-for"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "from:192.0.2.1"),
        ("192.0.2.1", ["198.51.100.7"], "from:192.0.2.1"),
        ("10.0.0.1", ["198.51.100.7"], "from:198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.7, 10.0.0.2"], "from:198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.7", "10.0.0.2"], "from:198.51.100.7"),
        ("10.0.0.1", ["6.6.6.6, garbage, 10.0.0.2"], "from:10.0.0.2"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "from:10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7:5678"], "from:198.51.100.7"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:5678"], "from:2001:db8:1:2::/64"),
        ("10.0.0.1", [""], "from:10.0.0.1"),
        ("10.0.0.1", [], "from:10.0.0.1"),
        ("2001:db8:1:2:aaaa::1", [], "from:2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::1", [], "from:2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", [], "from:192.0.2.1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "from:198.51.100.7"),
        ("", [], "from:unknown"),
    ],
)
def test_by_address(peer: str, forwarded: list[str], expected: str) -> None:
    """Only addresses that Holdfast's own proxies must have written are trusted, and nothing to the left of them."""
    assert _OURS.name(scope(peer, *(("x-forwarded-for", each) for each in forwarded))) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ('for=6.6.6.6, for="[2001:db8:1:2::9]:47011";proto=https;by=10.0.0.9, For=10.0.0.2', "from:2001:db8:1:2::/64"),
        ("for=198.51.100.7;by=10.0.0.1", "from:198.51.100.7"),
        ("for=_hidden", "from:10.0.0.1"),
        ("by=10.0.0.1", "from:10.0.0.1"),
    ],
)
def test_by_the_standard_header(sent: str, expected: str) -> None:
    """Where the proxies write `Forwarded` only that header is trusted, because the other header comes from the
    client."""
    clients = Clients(Addresses(networks("10.0.0.0/8"), "forwarded"))
    assert clients.name(scope("10.0.0.1", ("forwarded", sent), ("x-forwarded-for", "6.6.6.6"))) == expected


def test_by_key() -> None:
    """A client with a key is counted by its key from any address, and a client without a key by its address."""
    known = Principal("checkout", frozenset({"read"}))
    assert _OURS.name(scope("192.0.2.1", principal=known)) == "key:checkout"
    assert _OURS.name(scope("192.0.2.1", principal=ANYBODY)) == "from:192.0.2.1"


@given(st.text(max_size=60), st.sampled_from(["x-forwarded-for", "forwarded"]))
def test_whatever_is_sent_it_is_somebody(sent: str, header: str) -> None:
    """Any header value leads to the address of a client, and none to an error."""
    clients = Clients(Addresses(networks("10.0.0.0/8"), header))
    headers = [(header.encode(), sent.encode())]
    assert clients.name({"client": ("10.0.0.1", 1), "headers": headers}).startswith("from:")


@given(st.integers(1, 100_000), st.lists(st.tuples(st.floats(0, 20), st.integers(1, 500)), max_size=60))
def test_never_more_than_the_burst_and_what_came_back(per_min: int, asked: list[tuple[float, int]]) -> None:
    """Over any time, no more requests pass than the burst and the rate times that time."""
    policy = RatePolicy("reads", per_min)
    now = whole_at = 1000.0
    passed = 0
    for later_s, wanted in asked:
        now += later_s
        answer, whole_at = grant(policy, whole_at, wanted, now)
        passed += answer.granted
        assert passed <= policy.burst + (now - 1000) / policy.interval_s + 1e-3
        assert answer.granted == wanted or answer.left == 0
        if answer.left == 0 and answer.next_in_s > 0:
            assert grant(policy, whole_at, 1, now + answer.next_in_s + 1e-6)[0].granted == 1


def test_no_limit() -> None:
    """A limit of 0 means no limit."""
    assert rate_policy("reads", 0) is None


def test_a_refused_connection_is_an_outage() -> None:
    """Refused connections to the rate limiter's Redis open the limiter's breaker, and not the cache's breaker."""
    breakers = make_breakers(
        database_timeout_s=1, database_write_timeout_s=1, queue_timeout_s=1, cache_timeout_s=1, external_timeout_s=1,
        open_s=5,
    )  # fmt: skip
    for _ in range(5):
        with pytest.raises(ConnectionError), breakers.limits.guard():
            raise ConnectionError
    assert [breaker for breaker in breakers.all() if breaker.state.value == "open"] == [breakers.limits]


@given(st.integers(1, 1_000_000), st.floats(0, 120), st.integers(1, 2000))
def test_the_headers_numbers_agree_with_each_other(per_min: int, ago_s: float, wanted: int) -> None:
    """Whatever was taken and when, the remaining requests do not exceed the policy's `q`, and the quota is whole again
    within its `w`."""
    policy = rate_policy("reads", per_min)
    assert policy is not None
    name, q, w = policy.header[1].decode().split(";")
    quota, window_s = int(q.removeprefix("q=")), int(w.removeprefix("w="))
    assert (name, quota >= 1) == ('"reads"', True)
    assert per_min * (window_s - 1) / 60 <= quota <= max(1, per_min * window_s / 60 + 1e-9)
    now = 1000.0
    _, whole_at = grant(policy, 0.0, wanted, now - ago_s)
    granted, _ = grant(policy, whole_at, 1, now)
    assert granted.left <= quota
    assert max(whole_seconds(granted.whole_in_s), whole_seconds(granted.next_in_s)) <= window_s
