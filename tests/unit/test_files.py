"""Key files and secrets: a reader sees the old text or the new one, whenever the writer is killed."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from deploy.local.places import write_private
from holdfast.shared.http.key_file import main
from holdfast.shared.http.keys import new_key, parse
from holdfast.shared.runtime import files

_KILLED = """
import os, signal, sys
from pathlib import Path
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
setattr(os, sys.argv[1], die)
from deploy.local.places import write_private
from holdfast.shared.http.key_file import main
match sys.argv[2]:
    case "add": main(["add", "ann", "view", sys.argv[3]])
    case "revoke": main(["revoke", "bob", sys.argv[3]])
    case "private": write_private(Path(sys.argv[3]), "other")
"""


@pytest.mark.parametrize("moment", ["fchmod", "fsync", "replace"])
@pytest.mark.parametrize("how", ["add", "revoke", "private"])
def test_a_writer_that_is_killed_leaves_the_old_file(tmp_path: Path, how: str, moment: str) -> None:
    """A writer that is killed when the new text is half written, written, or on disk leaves the old file, and does not
    block the next writer."""
    path = tmp_path / "keys"
    old = "# ours\n" + "".join(new_key(name, "view")[1] + "\n" for name in ("bob", "eve"))
    path.write_text(old)
    done = subprocess.run([sys.executable, "-c", _KILLED, moment, how, str(path)], check=False, timeout=240)
    assert done.returncode < 0
    assert path.read_text() == old
    assert main(["revoke", "bob", str(path)]) == 0
    assert {who.name for who in parse(path.read_text()).values()} == {"eve"}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """A reader that reads continuously while keys are added and revoked sees only complete texts that were written."""
    path = tmp_path / "keys"
    main(["add", "first", "view", str(path)])
    over = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not over.is_set():
            seen.append(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    written = {path.read_text()}
    for turn in range(100):
        assert main(["revoke", "ann", str(path)] if turn % 2 else ["add", "ann", "view", str(path)]) == 0
        written.add(path.read_text())
    over.set()
    reader.join(240)
    assert set(seen) <= written
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_mode_and_owner_stay(tmp_path: Path, mode: int) -> None:
    """A rewritten key file keeps its mode and owner, so that a service of another user can still read it and no further
    user can. A symbolic link stays a link."""
    path, link = tmp_path / "real" / "keys", tmp_path / "keys"
    path.parent.mkdir()
    path.write_text("# ours")
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, 10001, 10002)
    before = path.stat()
    link.symlink_to(path)
    assert main(["add", "ann", "view", str(link)]) == 0
    after = path.stat()
    assert link.is_symlink()
    assert path.read_text().startswith("# ours\nann view ")
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_new_files_are_for_their_owner(tmp_path: Path) -> None:
    """New key files and secrets are readable only by their owner, whatever the umask allows."""
    before = os.umask(0)
    try:
        main(["add", "ann", "view", str(tmp_path / "keys")])
        write_private(tmp_path / "secret", "x")
        assert files.create(tmp_path / "once", "one")
        assert not files.create(tmp_path / "once", "two")
    finally:
        os.umask(before)
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    assert (tmp_path / "once").read_text() == "one"


def test_who_cannot_write_changes_nothing_and_shows_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the key file cannot be written the command fails, and does not show a key that no file contains."""
    path = tmp_path / "none" / "keys"
    assert main(["add", "ann", "view", str(path)]) == 2
    assert "not shown again" not in capsys.readouterr().out
