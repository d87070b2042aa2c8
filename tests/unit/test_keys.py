"""Keys: a malformed file is refused with its line; a new key is recognised, and is not stored in plain text."""

from pathlib import Path

import pytest

from holdfast.shared.errors import NotAuthenticated
from holdfast.shared.http.key_file import main
from holdfast.shared.http.keys import Keys, new_key, parse

DIGEST = "a" * 64


@pytest.mark.parametrize(
    "line",
    [
        "name",
        f"name sing {DIGEST}",
        "name read abc",
        f"na/me read {DIGEST}",
        f"a read {DIGEST}\nb read {DIGEST}",
        f"a read {DIGEST} reads=many",
        f"a read {DIGEST} wishes=1",
        f"a read {DIGEST} word",
    ],
)
def test_nonsense_is_refused_by_its_line(line: str) -> None:
    """A malformed line is refused with its number: a wrong form or option, an unknown scope, an invalid digest, an
    ambiguous name, or the same key twice."""
    with pytest.raises(ValueError, match=r"line \d"):
        parse(line)


def test_comments_options_and_empty_lines() -> None:
    """Text after a # is a comment, and limits for the caller may follow the digest."""
    known = parse(f"# who\n\nshop read,write {DIGEST} reads=60  # the shop\n")
    assert known[DIGEST].name == "shop"
    assert known[DIGEST].options == {"reads": "60"}


def test_a_new_key_is_known_and_not_kept(tmp_path: Path) -> None:
    """A new key is recognised by its line, and the line does not contain the key."""
    key, line = new_key("shop", "read")
    path = tmp_path / "keys"
    path.write_text(line)
    who = Keys(path, open_to_all=False).who({b"x-api-key": key.encode()})
    assert who is not None
    assert who.name == "shop"
    assert key not in line


@pytest.mark.parametrize("second", ["another", ""])
def test_two_keys_that_differ_are_refused(tmp_path: Path, second: str) -> None:
    """A request with two different keys is refused, and neither is ignored; the same key in both headers is one
    caller."""
    key, line = new_key("shop", "read")
    path = tmp_path / "keys"
    path.write_text(line)
    keys = Keys(path, open_to_all=True)
    bearer = b"Bearer " + key.encode()
    same = keys.who({b"authorization": bearer, b"x-api-key": key.encode()})
    assert same is not None
    assert same.name == "shop"
    with pytest.raises(NotAuthenticated, match=r"differ|empty") as refused:
        keys.who({b"authorization": bearer, b"x-api-key": second.encode()})
    assert refused.value.details["field"] == "X-API-Key"
    assert key not in str(refused.value.details)


def test_a_key_is_added_to_a_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Adding a key for a name that has one reports the existing key and changes nothing. A wrong call has exit status
    2."""
    path = tmp_path / "keys"
    assert [main(["add", "ann", "admin", str(path)]) for _ in range(2)] == [0, 0]
    (line,) = path.read_text().splitlines()
    assert line.startswith("ann admin ")
    assert "already" in capsys.readouterr().out
    assert main(["add", "ann"]) == main(["add", "ann", "sing"]) == 2


def test_a_revoked_name_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    """Revoking a name keeps comments and the keys of others. The exit status is 1 for a name without a key, and 2 for a
    wrong call or a missing file."""
    path = tmp_path / "keys"
    path.write_text("# ours\n")
    assert [main(["add", name, "view", str(path)]) for name in ("ann", "bob")] == [0, 0]
    assert main(["revoke", "ann", str(path)]) == 0
    assert path.read_text().startswith("# ours\nbob view ")
    assert (
        main(["revoke", "ann", str(path)]),
        main(["revoke", "ann"]),
        main(["revoke", "ann", str(tmp_path / "none")]),
    ) == (1, 2, 2)
