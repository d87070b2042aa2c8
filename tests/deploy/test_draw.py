"""The secrets of the system in containers."""

from pathlib import Path

import pytest

from deploy.compose.draw import draw, main
from shared.address.parse import parse_dsn
from shared.http.keys import Keys

FOLDERS = (
    "keys",
    "database",
    "sessions",
    "idempotency",
    "mysql",
    "mysql-init",
    "exporter",
    "alertmanager",
    "grafana",
    "operator",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Empty volumes."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    return tmp_path


def test_what_is_drawn_fits_together(folder: Path) -> None:
    """The DSN has the database's password, and the tokens are known keys."""
    assert main([str(folder)]) == 0
    password = (folder / "mysql/password").read_text().strip()
    assert parse_dsn((folder / "database/dsn").read_text().strip()).password == password
    assert (folder / "exporter/password").read_text().strip() in (folder / "mysql-init/watcher.sql").read_text()
    keys = Keys(folder / "keys/api_keys", open_to_all=False)
    for token, name in (("operator/token", "operator"), ("alertmanager/alertmanager_token", "alertmanager")):
        sent = (folder / token).read_text().strip().encode()
        holder = keys.who({b"authorization": b"Bearer " + sent})
        assert holder is not None
        assert holder.name == name


def test_what_is_there_stays(folder: Path) -> None:
    """A second start changes nothing, and after a crash in the middle the rest fits what was drawn before."""
    draw(folder)
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert draw(folder) == []
    (folder / "database/dsn").unlink()
    (folder / "keys/api_keys").unlink()
    assert set(draw(folder)) == {"database/dsn", "keys/api_keys"}
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before


def test_a_missing_volume_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and which one."""
    assert main([str(tmp_path)]) == 1
    assert "mysql" in capsys.readouterr().err


def test_nothing_secret_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What goes to a log is names."""
    main([str(folder)])
    said = capsys.readouterr()
    for path in folder.rglob("*"):
        if path.is_file() and len(path.read_text()) > 20:
            assert path.read_text().split()[-1] not in said.out + said.err
