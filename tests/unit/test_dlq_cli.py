"""The command line of dlq_admin: its arguments, its requests, its output. A thread plays the service."""

import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.dlq_admin.cli import selection, table
from holdfast.services.dlq_admin.cli.main import _print, main
from holdfast.services.dlq_admin.cli.output import Output
from holdfast.services.dlq_admin.cli.parser import make
from holdfast.services.dlq_admin.cli.selection import Usage
from tests.servers import free_port

KEY = "a-key"


class Played:
    """A fake service: the answer that it gives, and the requests that it got as (method, path, key, body)."""

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = {"success": True, "data": {}, "meta": {}}
        self.headers: dict[str, str] = {}
        self.asked: list[tuple[str, str, str | None, bytes]] = []
        self.cut = 0
        self.chunked = False


@contextmanager
def _playing(played: Played) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            played.asked.append((self.command, self.path, self.headers.get("Authorization"), body))
            answer = played.body if isinstance(played.body, bytes) else json.dumps(played.body).encode()
            self.send_response(played.status)
            if played.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                answer = b"%x\r\n%b\r\n" % (len(answer), answer) + (b"" if played.cut else b"0\r\n\r\n")
            else:
                self.send_header("Content-Length", str(len(answer) + played.cut))
            for name, value in played.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    """A service to talk to, with a key in the environment."""
    it = Played()
    with _playing(it) as url:
        monkeypatch.setenv("HOLDFAST_DLQ_URL", url)
        monkeypatch.setenv("HOLDFAST_DLQ_KEY", KEY)
        yield it


def _selected(*words: str) -> dict[str, Any]:
    return selection.meant(make().parse_args(["discard", *words]))


def test_a_selection_is_given_in_one_of_four_ways() -> None:
    """A selection is given by ids, a fingerprint, a filter or a replay, as in the REST interface."""
    assert _selected("--id", "1-0", "--id", "2-0") == {"ids": ["1-0", "2-0"]}
    assert _selected("--fingerprint", "0123456789abcdef") == {"fingerprint": "0123456789abcdef"}
    assert _selected("--filter", "code=1406", "--filter", "text=a=b") == {"filter": {"code": "1406", "text": "a=b"}}
    selected = _selected("--replay", "7", "--outcome", "failed_same", "--outcome", "rejected")
    assert selected == {"replay": {"id": 7, "outcomes": ["failed_same", "rejected"]}}


@pytest.mark.parametrize(
    "words",
    [(), ("--id", "1-0", "--fingerprint", "f"), ("--replay", "7"), ("--outcome", "applied", "--id", "1-0"),
     ("--filter", "code"), ("--filter", "=x"), ("--filter", "code=1", "--filter", "code=2")],
)  # fmt: skip
def test_a_selection_that_is_none_or_two_is_refused(words: tuple[str, ...]) -> None:
    """A missing, ambiguous or malformed selection is refused before anything is sent."""
    with pytest.raises(Usage):
        _selected(*words)


def test_without_a_count_it_is_only_asked(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    """A command without a count is a dry run that shows the number to type back; with the count, the reason is required
    and sent as well."""
    data = {"dry_run": True, "count": 5, "groups": {"f": 5}, "others": {"discarded": 1}, "sample": []}
    played.body = {"success": True, "data": data, "meta": {}}
    assert main(["discard", "--fingerprint", "f"]) == 0
    assert "--count 5 --reason WHY" in capsys.readouterr().out
    assert main(["discard", "--fingerprint", "f", "--count", "5"]) == 2
    assert "--reason" in capsys.readouterr().err
    assert main(["discard", "--fingerprint", "f", "--count", "5", "--reason", "test data"]) == 0
    assert "Nothing was done" not in capsys.readouterr().out
    dry, real = (json.loads(body) for *_, body in played.asked)
    assert (dry["dry_run"], "expected_count" in dry) == (True, False)
    assert real == {"selection": {"fingerprint": "f"}, "reason": "test data", "expected_count": 5}


def test_a_refusal_is_a_sentence_a_code_and_a_request(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal is printed on standard error as a sentence with its details, code and request, and the exit code is
    1."""
    error = {"message": "The count differs.", "code": "COUNT_MISMATCH", "request_id": "req_1",
             "details": {"expected_count": 4, "actual_count": 5}}  # fmt: skip
    played.status, played.body = 409, {"success": False, "error": error, "fallback_data": None}
    assert main(["restore", "--id", "1-0", "--count", "4", "--reason", "a mistake"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.splitlines()[0]) == ("", "The count differs.")
    assert "actual_count: 5" in err
    assert "COUNT_MISMATCH, HTTP 409, request req_1" in err


def test_what_is_stale_is_shown_with_its_banner(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    """While the database is away, letters from their stream are shown, with a warning on standard error."""
    instead = {"letters": [], "waiting": 3, "banner": "The database is away."}
    played.body = {"success": False, "error": {"message": "m", "code": "c"}, "fallback_data": instead}
    assert main(["letters", "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["data"]["waiting"], err) == (3, "The database is away.\n")


@pytest.mark.parametrize(
    ("away", "there", "line"),
    [([], True, "answers"), ([2], True, "partition 2 of the queue does not answer"),
     ([1, 3], True, "partitions 1, 3 of the queue do not answer"), ([0], False, "does not answer")],
)  # fmt: skip
def test_the_overview_names_the_partitions_that_are_away(
    played: Played, capsys: pytest.CaptureFixture[str], away: list[int], there: bool, line: str
) -> None:
    """The overview names the partitions that do not answer, unless the queue is away as a whole."""
    backlog = {"depth": 0, "oldest_age_s": 0.0} if there else None
    unknown = dict.fromkeys(("letters", "waiting", "ledger", "breakers", "writers", "banner"))
    played.body["data"] = unknown | {"backlog": backlog, "partitions_away": away, "retention": {}}
    assert main(["overview"]) == 0
    [found] = [each for each in capsys.readouterr().out.splitlines() if each.startswith("queue")]
    assert found.split(maxsplit=1)[1] == line


def test_the_overview_counts_letters_in_words(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    """The overview shows the number of groups apart from the states of letters, because it is no state."""
    unknown = dict.fromkeys(("backlog", "waiting", "ledger", "breakers", "writers", "banner"))
    letters = {"dead": 20, "applied": 5, "discarded": 0, "dying_groups": 4}
    played.body["data"] = unknown | {"letters": letters, "partitions_away": [], "retention": {}}
    for line in ("dead 20, applied 5; dead ones in 4 groups", "applied 5"):
        assert main(["overview"]) == 0
        [found] = [each for each in capsys.readouterr().out.splitlines() if each.startswith("dead letters")]
        assert found.removeprefix("dead letters").strip() == line
        letters.update(dead=0, dying_groups=0)


@pytest.mark.parametrize(("missing", "lost", "line"), [
    (0, 3, "balanced, 1,200 accepted, 3 lost"), (0, 0, "balanced, 1,200 accepted"),
    (2, 3, "OUT OF BALANCE: 2 missing, of 1,200 accepted, 3 lost"),
])  # fmt: skip
def test_the_overview_shows_what_was_lost(
    played: Played, capsys: pytest.CaptureFixture[str], missing: int, lost: int, line: str
) -> None:
    """A ledger that balances because lost writes are known as lost is not shown as if nothing had happened."""
    unknown = dict.fromkeys(("letters", "backlog", "waiting", "breakers", "writers", "banner"))
    ledger = {"missing": missing, "accepted": 1200, "lost": lost}
    played.body["data"] = unknown | {"ledger": ledger, "partitions_away": [], "retention": {}}
    assert main(["overview"]) == 0
    [found] = [each for each in capsys.readouterr().out.splitlines() if each.startswith("ledger")]
    assert found.removeprefix("ledger").strip() == line


@pytest.mark.parametrize("words", [("letters",), ("letters", "--json")])
def test_output_that_cannot_be_written_is_no_refusal(played: Played, words: tuple[str, ...]) -> None:
    """A full disk under the output is a sentence and exit code 2, which differs from a refusal."""
    played.body["data"] = []
    command = [sys.executable, "-m", "holdfast.services.dlq_admin", *words]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "could not be written" in ended.stderr


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"success": false}', b"\xff"])
def test_what_is_not_dlq_admin_is_not_believed(played: Played, capsys: pytest.CaptureFixture[str], body: bytes) -> None:
    """Any answer that does not have the form of dlq_admin's counts as not reachable, without a traceback."""
    for status in (200, 502):
        played.status, played.body = status, body
        assert main(["overview"]) == 2
        assert "Traceback" not in capsys.readouterr().err


def test_the_key_goes_nowhere_else(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key is sent neither to a proxy of the environment nor to the address that a redirect names."""
    elsewhere = Played()
    with _playing(elsewhere) as url:
        monkeypatch.setenv("http_proxy", url)
        played.status, played.headers = 302, {"Location": f"{url}/dlq/overview"}
        assert main(["overview"]) == 2
    assert "302" in capsys.readouterr().err
    assert [key for _, _, key, _ in played.asked] == [f"Bearer {KEY}"]
    assert elsewhere.asked == []


def test_no_server_or_no_answer(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a server or a whole answer the exit code is 2, and the message states that a change may have been done
    only if that is possible."""
    played.cut = 10
    assert main(["pause", "1", "--reason", "lunch"]) == 2
    assert "may have been done" in capsys.readouterr().err
    monkeypatch.setenv("HOLDFAST_DLQ_URL", f"http://127.0.0.1:{free_port()}")
    assert main(["pause", "1", "--reason", "lunch"]) == 2
    assert "may have been done" not in capsys.readouterr().err
    monkeypatch.setenv("HOLDFAST_DLQ_URL", "file:///etc/passwd")
    assert main(["overview"]) == 2


@pytest.mark.parametrize("chunked", [True, False])
def test_an_export_that_breaks_off_leaves_no_file(played: Played, tmp_path: Path, chunked: bool) -> None:
    """An export gets its name only when it is complete, and only its owner may read it."""
    played.body, played.cut, played.chunked = b'{"id": "1-0"}\n', 10, chunked
    out = tmp_path / "letters.ndjson"
    assert main(["export", "--out", str(out), "--reason", "to the other site"]) == 2
    assert not out.exists()
    played.cut = 0
    assert main(["export", "--out", str(out), "--reason", "to the other site"]) == 0
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (played.body, 0o600)


def test_an_export_is_its_owners_alone(played: Played, tmp_path: Path) -> None:
    """Only the owner can read an export, also if its unfinished file was there before and open to others."""
    target, unfinished = tmp_path / "letters", tmp_path / "letters.part"
    unfinished.write_text("left by another")
    unfinished.chmod(0o666)
    played.body = b"{}\n{}\n"
    assert main(["export", "--out", str(target), "--reason", "a look"]) == 0
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"{}\n{}\n", 0o600)
    assert not unfinished.exists()


@pytest.mark.parametrize("key", ["", " ", "a\nb", "ключ"])
def test_a_key_that_is_none(
    played: Played, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    """An empty key, or one that a header cannot hold, is not sent, and the error mentions the key."""
    monkeypatch.setenv("HOLDFAST_DLQ_KEY", key)
    assert main(["overview"]) == 2
    assert played.asked == []
    assert "key" in capsys.readouterr().err


def test_nothing_in_a_letter_reaches_the_terminal() -> None:
    """Neither escapes nor characters that turn the text around reach the terminal, and a long cell is cut."""
    lines = table.table(("a", "b"), [("\x1b[2J\x07evil\r\n", "\u202egnp.exe"), (None, "x" * 500)])
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 90
    assert table.table(("a",), []) == ["(none)"]


@pytest.mark.parametrize("typed", ["1,x", "", "1,,5", "no"])
def test_canary_steps_that_are_none(capsys: pytest.CaptureFixture[str], typed: str) -> None:
    """Malformed canary steps are refused with a message that states how they are written."""
    with pytest.raises(SystemExit) as ended:
        main(["replay", "--fingerprint", "0123456789abcdef", "--canary", typed])
    assert ended.value.code == 2
    assert "numbers with commas between them nor `none`" in capsys.readouterr().err


def test_a_table_fits_the_terminal() -> None:
    """In a terminal, the first column of a table stays whole and the widest others give way; in a file, nothing is cut
    for the width."""
    row = ("76c7edb7ccee70e0", "dead 1,204", "undecodable", "x" * 55, "2026-01-15T10:30:00.123456Z")
    head = ("fingerprint", "letters", "reason", "error", "last seen")
    narrow = table.table(head, [row], 80)
    assert max(map(len, narrow)) <= 80
    assert narrow[1].startswith("76c7edb7ccee70e0  dead 1,204  undecodable  xxx")
    assert narrow[1].endswith("2026-01-15 10:30:00")
    assert "x" * 55 in table.table(head, [row], 0)[1]
    assert max(map(len, table.table(head, [row], 20))) < 70


def test_a_table_fits_the_terminal_whatever_is_in_it() -> None:
    """A table fits any terminal of eighty columns or more: a row that is too wide takes several lines, and every column
    is there."""
    luck = random.Random(3)
    for _ in range(300):
        head = [f"head-{at}" for at in range(luck.randint(1, 12))]
        rows = [["x" * luck.choice((0, 1, 9, 20, 40, 300)) for _ in head] for _ in range(luck.randint(1, 4))]
        rows[0] = ["a" * 20, *rows[0][1:]]
        width = luck.randint(80, 130)
        lines = table.table(head, [[row[0][:60], *row[1:]] for row in rows], width)
        assert max(map(len, lines)) <= width
        assert len(lines) % (len(rows) + 1) == 0
        heads = lines[: len(lines) // (len(rows) + 1)]
        assert " ".join(heads).split() == head


def test_no_line_reaches_the_terminal_as_others_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Direction, control and invisible characters of a writer's name are replaced, even where a command does not do so
    itself."""
    assert table.plain("a\u202e\u3164\u2800\ufe0fb") == "a����b"
    for lines in (["\u202eevil"], ["a\nb"]):
        _print(Output(None, lines), as_json=False)
    assert capsys.readouterr().out == "�evil\na�b\n"


def test_an_allowance_is_asked_for_and_given(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    """The command shows what is left of an allowance and for how long, and allows more for an actor by name, with a
    reason and never without one."""
    data = {"actor": "ann", "left": 3, "letters": 1000, "window_s": 86400, "more_at": None}
    played.body = {"success": True, "data": data, "meta": {}}
    assert main(["allowances"]) == 0
    assert "3 of 1000 letters in 86400 s" in capsys.readouterr().out
    assert main(["allow", "ann", "1200", "--reason", "looked at it together"]) == 0
    method, path, _, body = played.asked[-1]
    assert (method, path) == ("POST", "/dlq/allowances")
    assert json.loads(body) == {"actor": "ann", "letters": 1200, "reason": "looked at it together"}
    with pytest.raises(SystemExit, match="2"):
        main(["allow", "ann", "1200"])
    played.status = 403
    played.body = {
        "success": False,
        "error": {"message": "Somebody else has to say so.", "code": "SECOND_PERSON_NEEDED"},
    }
    assert main(["allow", "me", "5", "--reason", "for myself"]) == 1


def test_a_patch_of_a_file(played: Played, tmp_path: Path) -> None:
    """A patch is read from the file that `@` names, and a patch that is not JSON is not sent."""
    file = tmp_path / "patch.json"
    file.write_text('[{"op": "remove", "path": "/payload/x"}]')
    data = {"dry_run": True, "count": 1, "edited": 1, "unchanged": 0, "refused": {}, "sample": [], "verdicts": {}}
    played.body = {"success": True, "data": data, "meta": {}}
    assert main(["transform", "--id", "1-0", "--patch", f"@{file}"]) == 0
    assert json.loads(played.asked[0][3])["patch"] == [{"op": "remove", "path": "/payload/x"}]
    assert main(["transform", "--id", "1-0", "--patch", "{"]) == 2
    assert main(["transform", "--id", "1-0", "--patch", "@nowhere"]) == 2
    assert len(played.asked) == 1


@pytest.mark.parametrize("value", ["1e999999999", "-1e999", "Infinity", "NaN"])
def test_what_is_no_number_in_json_is_text_or_refused(played: Played, value: str) -> None:
    """A value that is no number in JSON is sent as text in a field of the entry, and refused in a payload, which has to
    be JSON."""
    data = {"fields": [], "what_if": {"verdict": "applied", "why": ""}}
    played.body = {"success": True, "data": data, "meta": {}}
    assert main(["edit", "1-0", "--set", f"version={value}", "--reason", "x"]) == 0
    assert json.loads(played.asked[0][3])["fields"] == {"version": value}
    assert main(["edit", "1-0", "--payload", f'{{"amount": {value}}}', "--reason", "x"]) == 2
    assert len(played.asked) == 1


def test_a_search_of_payloads_leads_on(played: Played, capsys: pytest.CaptureFixture[str]) -> None:
    """A search prints how many letters were searched, the audit entry that records what was found, and the cursor at
    which older letters begin."""
    data = {"letters": [], "looked_through": 20, "next_cursor": "5-0", "masked": False, "audit_id": 7}
    played.body = {"success": True, "data": data, "meta": {}}
    assert main(["search", "ann@", "--field", "email", "--filter", "code=1406", "--reason", "a call"]) == 0
    out = capsys.readouterr().out
    assert "0 of the 20 letters searched: audit entry 7, for --audit 7" in out
    assert "--cursor 5-0" in out
    [(method, path, _, body)] = played.asked
    assert (method, path) == ("POST", "/dlq/search")
    assert json.loads(body) == {
        "text": "ann@", "field": "email", "filter": {"code": "1406"}, "reason": "a call", "limit": 50, "cursor": None
    }  # fmt: skip


def test_help_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The help of every command fits eighty columns."""
    monkeypatch.setenv("COLUMNS", "80")
    parser = make()
    commands = next(each for each in parser._actions if isinstance(each.choices, dict)).choices
    for each in (parser, *dict(commands or {}).values()):
        assert max(map(len, each.format_help().splitlines())) <= 80, each.prog
