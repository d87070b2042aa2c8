"""Settings refuse what cannot be meant."""

import pytest
from pydantic import ValidationError

from services.api.settings import ApiSettings
from shared.store.engine import parse_dsn


@pytest.fixture(autouse=True)
def demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile that needs no keys."""
    monkeypatch.setenv("HOLDFAST_PROFILE", "demo")


_DSN = "holdfast:secret@tcp(db:3306)/holdfast?parseTime=true"


def test_the_names_users_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """DB_DSN and REDIS_ADDR are read as they are."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("REDIS_ADDR", "queue:6379")
    settings = ApiSettings()
    assert (settings.db_dsn, settings.redis_addr) == (_DSN, "queue:6379")


def test_a_missing_dsn_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no default for where the data lives."""
    monkeypatch.delenv("DB_DSN", raising=False)
    with pytest.raises(ValidationError):
        ApiSettings()


def test_a_misspelt_key_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The api refuses its own and shared keys when misspelt, and leaves other services' alone."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("HOLDFAST_WRITER_BATCH_MAX", "10")
    ApiSettings()
    monkeypatch.setenv("HOLDFAST_API_PROT", "8080")
    with pytest.raises(ValidationError, match="HOLDFAST_API_PROT"):
        ApiSettings()


@pytest.mark.parametrize(
    "dsn", [_DSN, "mysql://holdfast:secret@db/holdfast", "mariadb+pymysql://holdfast:secret@db/holdfast"]
)
def test_both_forms_of_dsn(dsn: str) -> None:
    """The Go form and the URL form name the same database."""
    url = parse_dsn(dsn)
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "holdfast",
        "secret",
        "db",
        3306,
        "holdfast",
    )


@pytest.mark.parametrize(
    "dsn", ["", "secret", "postgresql://holdfast:secret@db/holdfast", "mysql://holdfast:secret@db"]
)
def test_a_wrong_dsn_is_refused_without_telling_the_password(dsn: str) -> None:
    """The message is fit for a log."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is what is checked
        parse_dsn(dsn)
    assert "secret" not in str(caught.value)


def test_production_needs_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """An api that would turn everybody away does not start; an empty setting is one left out."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("HOLDFAST_PROFILE", "production")
    monkeypatch.setenv("HOLDFAST_KEYS_FILE", "")
    with pytest.raises(ValidationError, match="keys_file"):
        ApiSettings()
