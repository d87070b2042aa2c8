"""The codec decodes whatever the api accepts: headers and settings are drawn at random, and the stream is checked."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from holdfast.services.api.settings import ApiSettings
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.names import KEYS_SINCE, WRITES
from tests.apps import client_of, make
from tests.patient import SHARED_FIXTURES
from tests.servers import Database, RedisServer

_SETTINGS = settings(max_examples=60, suppress_health_check=SHARED_FIXTURES)

_NUMBERS = st.one_of(
    st.integers(-2, 2**70).map(str),
    st.sampled_from(["0", "1", str(2**53 - 1), str(2**53), str(2**63), "9" * 16, "9" * 40, "007", "1e3", "-0", "²"]),
)
_RAW = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=150)
_TRACES = st.one_of(
    st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True), st.just("00-" + "0" * 52), _RAW
)
_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "traceparent": _TRACES,
        "X-Request-ID": st.one_of(st.from_regex(r"[A-Za-z0-9._-]{1,140}", fullmatch=True), _RAW),
        "Idempotency-Key": st.one_of(st.text(st.characters(codec="ascii"), max_size=300), _RAW),
        "If-Match": st.one_of(_NUMBERS.map('"{}"'.format), _NUMBERS.map('W/"{}"'.format), st.just("*"), _RAW),
        "If-None-Match": st.one_of(_NUMBERS.map('"{}"'.format), st.just("*"), _RAW),
        "X-Expire-After-Ms": st.one_of(_NUMBERS, _RAW),
        "X-Request-Timeout-Ms": _NUMBERS,
        "Prefer": st.one_of(st.just("wait=0"), _RAW),
    },
)
_NAMES = st.one_of(st.text(max_size=80), st.from_regex(r"[A-Za-z0-9._+-]{1,70}", fullmatch=True), st.just("büro-1"))


def _encoded(headers: dict[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode("latin-1", "replace") for name, value in headers.items()}


@pytest.fixture
def queue(clean_redis: RedisServer, clean_database: Database) -> RedisServer:
    """A Redis whose record of idempotency keys has no beginning, so that no key is in doubt."""
    with clean_redis.client() as redis:
        redis.set(KEYS_SINCE, 0)
    return clean_redis


@_SETTINGS
@given(
    headers=_HEADERS, method=st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]), instance=_NAMES, wait=st.booleans()
)
def test_whatever_the_api_accepts_the_codec_decodes(
    queue: RedisServer,
    database: Database,
    tmp_path: Path,
    headers: dict[str, str],
    method: str,
    instance: str,
    wait: bool,
) -> None:
    """The codec decodes every entry that the api has put on the stream. A request that the api refuses gets a client
    error and leaves no entry."""
    more: dict[str, Any] = {"redis_addr": queue.address, "db_dsn": database.dsn, "instance": instance}
    try:
        app = make("api", tmp_path, **more)
    except ValidationError:
        return
    headers |= {"Prefer": "wait=1", "X-Request-Timeout-Ms": "300"} if wait else {}
    body = None if method == "DELETE" else {"name": "Ada", "email": f"{uuid.uuid4().hex}@example.com"}
    path = "/users" if method == "POST" else f"/users/{uuid.uuid4()}"

    async def send() -> int:
        async with client_of(app) as client:
            return (await client.request(method, path, json=body, headers=_encoded(headers))).status_code

    with queue.client() as redis:
        redis.delete(WRITES)
        status = asyncio.run(send())
        entries = redis.xrange(WRITES)
        for entry_id, fields in entries:
            decode(fields, entry_id.decode())
        assert status < 500 or wait
        if status >= 400 and not wait:
            assert not entries
        if status == 202:
            assert len(entries) == 1


@given(name=_NAMES)
@_SETTINGS
def test_a_name_that_is_accepted_fits_wherever_it_goes(tmp_path: Path, name: str) -> None:
    """An accepted instance name fits into keys, channels, entries, headers, columns and labels."""
    try:
        accepted = ApiSettings(db_dsn="mysql://a:b@c/d", profile="demo", instance=name).instance
    except ValidationError:
        return
    assert accepted.isascii()
    assert accepted.isprintable()
    assert 0 < len(accepted) <= 64
    assert not set(accepted) & set(" :{}\"'/,=")


@pytest.mark.parametrize("revision", ["büro", "a b", "x" * 65, "", "a\nb", '"'])
def test_a_build_without_a_sane_name_does_not_start(monkeypatch: pytest.MonkeyPatch, revision: str) -> None:
    """The settings refuse a malformed `HOLDFAST_REVISION`, because the revision, too, is written into letters, labels
    and entries."""
    monkeypatch.setenv("HOLDFAST_REVISION", revision)
    with pytest.raises(ValidationError, match="HOLDFAST_REVISION"):
        ApiSettings(db_dsn="mysql://a:b@c/d", profile="demo")


def test_the_name_of_a_host_is_made_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default instance name replaces invalid characters of the host name and is cut to 64 characters, since a host
    name was not chosen as an instance name."""
    monkeypatch.setattr("socket.gethostname", lambda: "büro_1 (neu)" + "x" * 80)
    monkeypatch.delenv("HOLDFAST_INSTANCE", raising=False)
    instance = ApiSettings(db_dsn="mysql://a:b@c/d", profile="demo").instance
    assert instance == ("b-ro_1--neu-" + "x" * 80)[:64]
