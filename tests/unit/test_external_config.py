"""external_proxy's configuration and its changes, without a process."""

import json

import pytest
from pydantic import ValidationError

from holdfast.services.api.settings import ApiSettings
from holdfast.services.external_proxy.change import Change, following
from holdfast.services.external_proxy.config import Config
from holdfast.services.external_proxy.settings import ProxySettings

_A, _B = Config(attempts=1), Config(attempts=2)


def changed(before: Change | None, config: Config | None, *, at: float, for_s: float | None = None) -> Change:
    """Return the change that follows `before`, with a fixed actor and reason."""
    return following(before, config, for_s=for_s, actor="ada", reason="a test", now=at)


@pytest.mark.parametrize(
    ("configured", "complaint"),
    [
        ({"attempt_s": 5.0}, "an attempt: attempt_s"),
        ({"connect_s": 1.5}, "a connection: connect_s"),
        ({"total_s": 30.0, "attempt_s": 16.0}, "window_s must be two attempts"),
        ({"breaker": {"open_s": 61.0}}, "open_max_s"),
        ({"nonsense": 1}, "Extra inputs"),
        ({"fallback": {"default": {"rate": 10**30}}}, "cannot be written as JSON"),
        ({"fallback": {"default": {"name": "\ud800"}}}, "cannot be written as JSON"),
    ],
)
def test_limits_the_wrong_way_round_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, configured: dict[str, object], complaint: str
) -> None:
    """Contradictory limits and unknown fields in the environment stop the start, by the rules that hold for operators
    too."""
    monkeypatch.setenv("HOLDFAST_PROXY_CONFIG", json.dumps(configured))
    with pytest.raises(ValidationError, match=complaint):
        ProxySettings()


def test_the_environment_holds_the_same_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variable holds the same JSON document: whole numbers are valid seconds, and a missing field has
    its default."""
    monkeypatch.setenv("HOLDFAST_PROXY_CONFIG", '{"total_s": 4, "breaker": {"open_s": 7}}')
    config = ProxySettings().proxy_config
    assert (config.total_s, config.breaker.open_s, config.attempts) == (4.0, 7.0, 3)
    assert config.policy().open_s == 7.0


def test_the_proxy_answers_before_the_api_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the proxy answers before the api's timeout, with the 0.2 s to spare that the api keeps for itself."""
    monkeypatch.setenv("HOLDFAST_PROFILE", "demo")
    monkeypatch.setenv("DB_DSN", "mysql://u:p@db/holdfast")
    assert ProxySettings().proxy_config.total_s + 0.2 < ApiSettings().api_timeout_s


def test_a_change_for_a_time_goes_back_to_what_was_there_for_good() -> None:
    """A temporary change ends with a return to the last permanent configuration, even if another temporary change was
    made on top of it."""
    lasting = changed(None, _A, at=0)
    first = changed(lasting, _B, at=10, for_s=5)
    second = changed(first, Config(attempts=9), at=12, for_s=5)
    assert [first.in_force(now) for now in (14.9, 15)] == [_B, _A]
    assert second.in_force(17) == _A
    assert (lasting.version, first.version, second.version) == (1, 2, 3)


def test_a_change_for_a_time_on_nothing_goes_back_to_the_settings() -> None:
    """A temporary change without a permanent change before it returns to the settings, for which None stands."""
    assert changed(None, _B, at=0, for_s=5).in_force(5) is None


def test_after_one_that_is_over_the_next_is_for_good() -> None:
    """After a temporary change has ended the next change is permanent, and a return to the settings is a change too."""
    over = changed(changed(None, _A, at=0), _B, at=1, for_s=1)
    following_one = changed(over, _B, at=5)
    assert following_one.in_force(1e9) == _B
    assert changed(following_one, None, at=6).in_force(7) is None


def test_it_survives_being_written_down() -> None:
    """A change is the same after it was serialised for Redis and parsed again."""
    change = changed(None, Config(fallback={"default": {"rates": [1.5]}}), at=1.25, for_s=3)  # type: ignore[arg-type]
    assert Change.model_validate_json(change.model_dump_json()) == change
