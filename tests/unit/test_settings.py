"""Settings refuse values that make no sense."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from holdfast.services.api.settings import ApiSettings
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.connections.address import parse_dsn
from holdfast.shared.runtime.read_settings import read


@pytest.fixture(autouse=True)
def demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo profile, which needs no keys."""
    monkeypatch.setenv("HOLDFAST_PROFILE", "demo")


_DSN = "holdfast:secret@tcp(db:3306)/holdfast?parseTime=true"


def test_the_names_users_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """DB_DSN and REDIS_ADDR are read under exactly these names."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("REDIS_ADDR", "queue:6379")
    settings = ApiSettings()
    assert (settings.db_dsn, settings.redis_addr) == (_DSN, "queue:6379")


def test_a_missing_dsn_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing DSN stops the start, because there is no default for the place of the data."""
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


def test_a_build_starts_without_a_setting_of_a_later_one_that_is_named_as_optional(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A build starts with an optional setting of a later build, and reports that it ignores that setting. A setting
    that is misspelt, or not listed as optional, still stops the start."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("HOLDFAST_OPTIONAL_SETTINGS", "HOLDFAST_API_OF_TOMORROW, HOLDFAST_API_PORT, HOLDFAST_ELSE")
    assert ApiSettings().ignored == []
    monkeypatch.setenv("HOLDFAST_API_OF_TOMORROW", "1")
    assert ApiSettings().ignored == ["HOLDFAST_API_OF_TOMORROW"]
    monkeypatch.setenv("HOLDFAST_API_PROT", "8080")
    with pytest.raises(ValidationError, match="Value error, HOLDFAST_API_PROT: is not known"):
        ApiSettings()


@pytest.mark.parametrize(
    "dsn", [_DSN, "mysql://holdfast:secret@db/holdfast", "mariadb+pymysql://holdfast:secret@db/holdfast"]
)
def test_both_forms_of_dsn(dsn: str) -> None:
    """The Go form and the URL form name the same database."""
    url = parse_dsn(dsn)
    assert (url.user, url.password, url.host, url.port, url.database) == (
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
    """A wrong DSN is refused with a message that does not have the password, so that it is fit for a log."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is what is checked
        parse_dsn(dsn)
    assert "secret" not in str(caught.value)


def test_production_needs_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """An api in production does not start without a key file, because it would refuse every caller. An empty setting
    counts as missing."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("HOLDFAST_PROFILE", "production")
    monkeypatch.setenv("HOLDFAST_KEYS_FILE", "")
    with pytest.raises(ValidationError, match="keys_file"):
        ApiSettings()


def test_production_needs_a_secret_for_idempotency_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An api in production needs a secret that is long enough, because ids that anybody can derive from a key's text
    are for a demo only."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("HOLDFAST_PROFILE", "production")
    monkeypatch.setenv("HOLDFAST_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(ValidationError, match="api_idempotency_secret"):
        ApiSettings()
    monkeypatch.setenv("HOLDFAST_API_IDEMPOTENCY_SECRET", "too short")
    with pytest.raises(ValidationError, match="api_idempotency_secret"):
        ApiSettings()
    (tmp_path / "secret").write_text("long enough to be one\n")
    monkeypatch.setenv("HOLDFAST_API_IDEMPOTENCY_SECRET", "")
    monkeypatch.setenv("HOLDFAST_API_IDEMPOTENCY_SECRET_FILE", str(tmp_path / "secret"))
    assert ApiSettings().idempotency_secret == (tmp_path / "secret").read_text().strip()
    assert "long enough" not in repr(ApiSettings())


def test_a_setting_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A setting may be the whole text of a file that NAME_FILE names; the variable NAME itself has precedence unless it
    is empty."""
    (tmp_path / "dsn").write_text(f"{_DSN}\n")
    (tmp_path / "url").write_text("http://grafana:3000")
    monkeypatch.setenv("DB_DSN", "")
    monkeypatch.setenv("DB_DSN_FILE", str(tmp_path / "dsn"))
    monkeypatch.setenv("HOLDFAST_GRAFANA_URL_FILE", str(tmp_path / "url"))
    settings = ApiSettings()
    assert (settings.db_dsn, str(settings.grafana_url)) == (_DSN, "http://grafana:3000/")
    monkeypatch.setenv("DB_DSN", "mysql://a:b@c/d")
    assert ApiSettings().db_dsn == "mysql://a:b@c/d"


def test_a_file_that_cannot_be_read_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A settings file that is missing, empty, or no text, stops the start with the name of its variable, also if an
    empty value would stand for another store. A misspelt variable is still refused."""
    monkeypatch.setenv("DB_DSN_FILE", str(tmp_path / "missing"))
    with pytest.raises(SystemExit):
        read(ApiSettings)
    assert f"DB_DSN_FILE (environment): {tmp_path / 'missing'}: No such file" in capsys.readouterr().err
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("DB_DSN_FILE", str(tmp_path / "bytes"))
    with pytest.raises(SystemExit):
        read(ApiSettings)
    assert "is not text" in capsys.readouterr().err
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("HOLDFAST_CACHE_REDIS_ADDR_FILE", str(tmp_path / "empty"))
    with pytest.raises(SystemExit):
        read(ApiSettings)
    assert f"HOLDFAST_CACHE_REDIS_ADDR_FILE (environment): {tmp_path / 'empty'}: is empty" in capsys.readouterr().err
    monkeypatch.delenv("HOLDFAST_CACHE_REDIS_ADDR_FILE")
    (tmp_path / "dsn").write_text(_DSN)
    monkeypatch.setenv("DB_DSN_FILE", str(tmp_path / "dsn"))
    monkeypatch.setenv("HOLDFAST_GRAFANA_TOKN_FILE", str(tmp_path / "dsn"))
    with pytest.raises(ValidationError, match="HOLDFAST_GRAFANA_TOKN_FILE"):
        ApiSettings()


def test_no_entry_is_dead_lettered_before_it_was_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer refuses to dead-letter entries after one or two crashes, which any entry of their batches may have
    caused."""
    monkeypatch.setenv("DB_DSN", _DSN)
    monkeypatch.setenv("HOLDFAST_WRITER_CRASHES_MAX", "3")
    assert WriterSettings().writer_crashes_max == 3
    monkeypatch.setenv("HOLDFAST_WRITER_CRASHES_MAX", "2")
    with pytest.raises(ValidationError):
        WriterSettings()
