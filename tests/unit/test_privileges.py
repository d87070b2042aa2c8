"""The rights in the stores, as tables: complete, and no wider than documented."""

import hashlib
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.privileges import database, redis
from deploy.privileges.__main__ import main
from deploy.privileges.services import SERVICES
from holdfast.shared.queue.names import DEAD, PREFIX, PROXY_CONFIG_CHANGES, WRITES

_CHANGES_READ = redis.Rule("lrange", (PROXY_CONFIG_CHANGES,))
_PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), min_size=1, max_size=30)


def test_nobody_changes_the_audit() -> None:
    """Only dlq_admin has rights to the audit tables, and only to insert and read rows."""
    for table in ("audit_log", "audit_letters", "audit_seals"):
        rights = {service: database.tables_of(service, ["users"]).get(table, frozenset()) for service in SERVICES}
        assert rights == {service: {"SELECT", "INSERT"} if service == "dlq_admin" else set() for service in SERVICES}


def test_grants_never_leave_a_gap() -> None:
    """The rights that are granted and those that are revoked add up to all rights, and no right is in both."""
    for give, take in database.grants(["users", "audit_log", "of_a_later_release"], ["users"], "%"):
        given, taken = (
            set(statement.removeprefix(word).split(" ON ")[0].split(", ")) - {""}
            for statement, word in ((give, "GRANT "), (take, "REVOKE "))
        )
        assert given | taken == set(database.RIGHTS)
        assert not given & taken


@given(_PASSWORDS)
def test_a_password_cannot_leave_its_quotes(password: str) -> None:
    """A password is one literal in SQL, and an ACL file contains only its hash."""
    statement = database.users(dict.fromkeys(database.with_users(), password), "%")[0]
    literal = statement.split(" IDENTIFIED BY ")[1]
    assert literal[1:-1].replace("\\\\", "").replace("''", "").find("'") == -1
    assert _without_hashes(password) == _without_hashes("another")


def _without_hashes(password: str) -> str:
    hashed = hashlib.sha256(password.encode()).hexdigest()
    file = redis.acl(dict.fromkeys(redis.NAMES, password), "queue")
    assert file.count(hashed) == len(redis.NAMES)
    return file.replace(hashed, "")


def test_who_may_add_to_a_stream() -> None:
    """Only the api and dlq_admin may add to the stream of writes, and only writers to the stream of dead letters."""
    may = {
        stream: {
            name
            for name, user in redis.users("queue", "cache").items()
            if any("xadd" in rule.commands.split() and stream in rule.keys for rule in user.rules)
        }
        for stream in (WRITES, DEAD)
    }
    assert may == {WRITES: {"api", "dlq_admin"}, DEAD: {"writer"}}


def test_the_external_proxy_has_nothing_in_common_with_the_queue() -> None:
    """The keys of external_proxy and those of the other services never match the same name, except that the other
    services may read the changes of its configuration."""
    of = {
        name: {key for rule in user.rules if name == "external_proxy" or rule != _CHANGES_READ for key in rule.keys}
        for name, user in redis.USERS["queue"].items()
    }
    assert all(key.startswith(f"{PREFIX}external_proxy:") for key in of["external_proxy"])
    for name, other in combinations(of, 2):
        if "external_proxy" in (name, other):
            mine, theirs = of["external_proxy"], of[other if name == "external_proxy" else name]
            assert not any(a.startswith(b.rstrip("*")) or b.startswith(a.rstrip("*")) for a in mine for b in theirs)


def test_the_file_of_a_password_holds_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The passwords that the command generates are those of its output, and their files are made into secrets as they
    are: a line break at the end would become a part of the password."""
    assert main([str(tmp_path), "queue"]) == 0
    digest = hashlib.sha256((tmp_path / "redis_watcher").read_bytes()).hexdigest()
    assert f"user watcher on #{digest} " in capsys.readouterr().out
