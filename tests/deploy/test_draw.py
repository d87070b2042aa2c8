"""The secrets of the system in containers."""

import errno
import hashlib
from pathlib import Path

import pytest

from deploy.compose.draw import draw, main
from holdfast.shared.connections.address import parse_dsn, parse_redis
from holdfast.shared.http.keys import Keys
from holdfast.shared.runtime import files

FOLDERS = (
    "keys", "passwords", "sessions", "idempotency", "mysql", "mysql-init", "redis", "exporter", "alertmanager",
    "grafana", "operator", *(f"stores-{name}" for name in ("api", "writer", "dlq_admin", "external_proxy", "migrate")),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with empty volumes."""
    for name in FOLDERS:
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def test_what_is_drawn_fits_together(folder: Path) -> None:
    """Each service logs in as its own user, with a password that the servers know, and the tokens are known keys."""
    assert main([str(folder)]) == 0
    users = (folder / "mysql-init/users.sql").read_text()
    logins = []
    for place in ("queue", "cache"):
        acl = (folder / f"redis/{place}.acl").read_text()
        for service in ("api", "writer", "dlq_admin", "external_proxy"):
            address = parse_redis((folder / f"stores-{service}/{place}").read_text().strip())
            assert (address.user, address.host) == (service, place)
            assert f"user {service} on #{hashlib.sha256((address.password or '').encode()).hexdigest()} " in acl
            logins.append(address.password)
    for service in ("api", "writer", "dlq_admin", "migrate"):
        dsn = parse_dsn((folder / f"stores-{service}/dsn").read_text().strip())
        assert f"'{dsn.user}'@'%' IDENTIFIED BY '{dsn.password}'" in users
        logins.append(dsn.password)
    assert len(set(logins)) == 4 + 4
    assert not (folder / "stores-external_proxy/dsn").exists()
    assert (folder / "mysql/watcher_password").read_text().strip() in (folder / "exporter/my.cnf").read_text()
    assert (folder / "redis/watcher").read_text().strip() in (folder / "exporter/redis.json").read_text()
    keys = Keys(folder / "keys/api_keys", open_to_all=False)
    for token, name in (("operator/token", "operator"), ("alertmanager/alertmanager_token", "alertmanager")):
        sent = (folder / token).read_text().strip().encode()
        holder = keys.who({b"authorization": b"Bearer " + sent})
        assert holder is not None
        assert holder.name == name


def test_what_is_there_stays(folder: Path) -> None:
    """A second start changes nothing, no other files remain beside the secrets, and after an interrupted start the
    missing files match those that exist."""
    drawn = draw(folder)
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert {str(path.relative_to(folder)) for path in before} == set(drawn)
    assert draw(folder) == []
    (folder / "stores-api/dsn").unlink()
    (folder / "keys/api_keys").unlink()
    assert set(draw(folder)) == {"stores-api/dsn", "keys/api_keys"}
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before


def test_a_service_password_of_yours_may_have_any_character(folder: Path) -> None:
    """A service logs in with the password that its server knows, whatever is in it."""
    own = "p@ss/w%rd?#1:+\\'\""
    for name in ("redis_api", "database_api"):
        (folder / f"passwords/{name}").write_text(f"{own}\n")
    assert main([str(folder)]) == 0
    for name in ("queue", "cache", "queue-nodes"):
        assert parse_redis((folder / f"stores-api/{name}").read_text().strip()).password == own
    assert parse_dsn((folder / "stores-api/dsn").read_text().strip()).password == own
    assert """'p@ss/w%rd?#1:+\\\\''"'""" in (folder / "mysql-init/users.sql").read_text()


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("operator/token", ""),
        ("passwords/database_watcher", "one#two"),
        ("passwords/redis_replica", "one two"),
        ("passwords/redis_sentinel", 'one"two'),
        ("redis/sentinel_password", "one\\two"),
        ("mysql/recovery_password", "one'two"),
    ],
)
def test_a_password_of_yours_that_could_not_be_used_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, own: str
) -> None:
    """An empty secret, or one that the files which need it cannot hold, is named, and no file is made from it."""
    (folder / name).write_text(f"{own}\n")
    assert main([str(folder)]) == 1
    assert f"{name} " in capsys.readouterr().err
    assert [path for path in folder.rglob("*") if path.is_file()] == [folder / name]


def test_what_is_made_of_the_secrets_follows_them_and_the_build(folder: Path) -> None:
    """A start of a new build replaces the rights of the previous build, and a new password reaches the server and the
    service. Keys that people have added stay."""
    draw(folder)
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    acl, keys = folder / "redis/queue.acl", folder / "keys/api_keys"
    acl.chmod(0o644)
    acl.write_text(before[acl].replace("+xlen", ""))
    keys.chmod(0o644)
    keys.write_text(before[keys] + f"ada operate {'0' * 64}\n")
    assert draw(folder) == ["redis/queue.acl"]
    assert acl.read_text() == before[acl]
    assert keys.read_text() == before[keys] + f"ada operate {'0' * 64}\n"
    (folder / "passwords/redis_api").unlink()
    assert set(draw(folder)) == {
        "passwords/redis_api", "redis/queue.acl", "redis/cache.acl",
        *(f"stores-api/{name}" for name in ("queue", "cache", "queue-nodes")),
    }  # fmt: skip
    address = parse_redis((folder / "stores-api/queue").read_text().strip())
    assert hashlib.sha256((address.password or "").encode()).hexdigest() in acl.read_text()


def test_a_new_token_replaces_the_earlier_one(folder: Path) -> None:
    """When a token is removed, the next start makes another, whose key replaces its key. A key that was revoked stays
    revoked, and keys of others stay."""
    draw(folder)
    keys, token = folder / "keys/api_keys", folder / "operator/token"
    before, lost = keys.read_text().splitlines(), token.read_text().strip()
    files.replace(keys, "\n".join([*before, f"ada operate {'0' * 64}", ""]))
    token.unlink()
    assert draw(folder) == ["keys/api_keys", "operator/token"]
    new = token.read_text().strip()
    assert new != lost
    assert keys.read_text().splitlines()[-1] == f"operator admin {hashlib.sha256(new.encode()).hexdigest()}"
    others = keys.read_text().splitlines()[:-1]
    assert others == [before[1], f"ada operate {'0' * 64}"]
    files.replace(keys, "\n".join([*others, ""]))
    assert draw(folder) == []


def test_a_start_that_fails_leaves_no_removed_token_in_force(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full while a token is replaced, the next start still replaces its key."""
    draw(folder)
    keys, token = folder / "keys/api_keys", folder / "operator/token"
    lost = hashlib.sha256(token.read_text().strip().encode()).hexdigest()
    token.unlink()
    with monkeypatch.context() as full:
        full.setattr(files, "replace", _disk_full)
        assert main([str(folder)]) == 1
    assert main([str(folder)]) == 0
    assert lost not in keys.read_text()
    assert hashlib.sha256(token.read_text().strip().encode()).hexdigest() in keys.read_text()


def _disk_full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_missing_volume_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing volume is named on stderr, and the exit code is 1."""
    assert main([str(tmp_path)]) == 1
    assert "passwords" in capsys.readouterr().err


def test_nothing_secret_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only names are printed, and no secret."""
    main([str(folder)])
    output = capsys.readouterr()
    for path in folder.rglob("*"):
        if path.is_file() and len(path.read_text()) > 20:
            assert path.read_text().split()[-1] not in output.out + output.err
