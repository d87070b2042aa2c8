"""The start of a service, and what ends it."""

import signal
from collections.abc import Iterator

import pytest

from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.shared.http.server import config
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.start import start


@pytest.fixture(autouse=True)
def signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The SIGTERMs that arrive. Handlers and logs are as before afterwards."""
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda number, _: arrived.append(number))
    yield arrived
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_hang_up_ends_a_service_as_sigterm_does(signals: list[int]) -> None:
    """A service whose terminal is closed gets SIGTERM, so it finishes its work."""
    start("external_proxy", ProxySettings)
    signal.raise_signal(signal.SIGHUP)
    assert signals == [signal.SIGTERM]


def test_a_hang_up_that_is_ignored_stays_ignored(signals: list[int]) -> None:
    """A service that was started with `nohup` goes on when its terminal is closed."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    start("external_proxy", ProxySettings)
    signal.raise_signal(signal.SIGHUP)
    assert signals == []


def test_a_drain_of_half_a_second_is_not_cut_to_none() -> None:
    """A server rounds its drain, which uvicorn takes in whole seconds, up: rounded down, a short one would be none."""
    settings = ProxySettings(drain_s=0.5)
    assert config(None, "127.0.0.1", 0, drain_s=settings.drain_s, bounds=settings.bounds).timeout_graceful_shutdown == 1
