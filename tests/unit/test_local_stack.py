"""The messages of the local stack: what a command prints when it is asked for something that does not exist."""

import fcntl
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local import (
    circuits,
    commands,
    database,
    follow,
    metrics_store,
    places,
    progress,
    redis,
    services,
    sources,
    stack,
    supervisor_conf,
)
from deploy.local.output import Problem
from deploy.local.program import Program
from deploy.local.settings import StackSettings, saved
from deploy.local.welcome import welcome


def test_logs_of_an_unknown_program_name_the_known_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A request for the logs of an unknown program is a problem that names the known programs, and does not wait in
    silence."""
    for name in ("api", "writer-0"):
        (tmp_path / f"{name}.log").touch()
    monkeypatch.setattr(places, "LOGS", tmp_path)
    monkeypatch.setenv("ONLY", "nonsense")
    with pytest.raises(Problem, match="no program's name begins with 'nonsense'") as caught:
        commands.logs()
    assert "api, writer-0" in str(caught.value)


@pytest.mark.parametrize(("terminal", "shown"), [(False, range(302)), (True, range(102, 302))])
def test_logs_of_one_program_show_what_happened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], terminal: bool, shown: range
) -> None:
    """`make logs ONLY=api | grep`, as runbooks have it, finds lines of hours ago, also in the file that was rotated. A
    terminal gets enough of them for a traceback."""
    (tmp_path / "api.log.1").write_text("0\n1\n")
    (tmp_path / "api.log").write_text("".join(f"{number}\n" for number in range(2, 302)))
    monkeypatch.setattr(follow, "LOGS", tmp_path)
    monkeypatch.setattr(follow, "output_closed", lambda: False)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(isatty=lambda: terminal, write=sys.stdout.write, flush=int))
    ended = iter([False, True])
    follow.follow("api", from_end=False, until=lambda: next(ended))
    assert [int(line.split()[-1]) for line in capfd.readouterr().out.splitlines()] == list(shown)


def test_a_stack_that_is_being_broken_is_not_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A stack is not stopped while another process holds the lock for breaking it, because that process would take the
    stop for an effect of its faults. Afterwards the stack is stopped."""
    for name in ("LOCAL", "LOGS", "RUN", "CONF", "SECRETS"):
        monkeypatch.setattr(places, name, tmp_path)
    monkeypatch.setattr(places, "BREAKING_LOCK", tmp_path / "breaking")
    ended: list[bool] = []
    monkeypatch.setattr("deploy.local.stack.stop", lambda: ended.append(True) or True)
    with places.BREAKING_LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Problem, match="breaks this clone's stack"):
            commands.down()
    assert commands.down() == 0
    assert ended == [True]


@pytest.mark.parametrize(("writers", "said"), [(0, True), (2, False)])
def test_a_stack_without_writers_says_so(monkeypatch: pytest.MonkeyPatch, writers: int, said: bool) -> None:
    """The welcome text of a stack without writers says how to start some, and every line fits a terminal of 80
    columns."""
    text = welcome_of(monkeypatch, StackSettings(writers=writers))
    assert ("make up WRITERS=2" in text) is said
    assert [line for line in text.splitlines() if len(line) > 80 and "mariadb" not in line] == []


def test_other_sources_have_another_digest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The digest of the sources changes with a changed file, a new file, a changed module of declared resources, and a
    changed module beside it, which it may import."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "a.py").write_text("1")
    (tmp_path / "goods.py").write_text("1")
    monkeypatch.setattr(sources, "REPO", tmp_path)
    settings = StackSettings(domain="goods", python_path=str(tmp_path))
    seen = [sources.digest(sources.folders(settings))]
    for name in ("services/a.py", "services/b.py", "goods.py", "kinds.py"):
        (tmp_path / name).write_text("2")
        seen.append(sources.digest(sources.folders(settings)))
    assert len(set(seen)) == 5
    assert sources.digest(sources.folders(settings)) == seen[-1]


def test_other_rules_make_another_prometheus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Changed rules change the configuration of Prometheus only, so that `make up` restarts Prometheus and nothing
    else. A rules file that is removed from the sources is removed from Prometheus too."""
    (source := tmp_path / "source" / "rules").mkdir(parents=True)
    (source.parent / "prometheus.yml").write_text("rule_files: []")
    (tmp_path / "rules").mkdir()
    for name, path in (("_SOURCE", source.parent), ("_RULES", tmp_path / "rules"), ("_TARGETS", tmp_path / "targets"),
                       ("_CONFIG", tmp_path / "prometheus.yml")):  # fmt: skip
        monkeypatch.setattr(metrics_store, name, path)
    monkeypatch.setattr(supervisor_conf, "PATH", tmp_path / "supervisord.conf")
    reads = (tmp_path / "prometheus.yml", tmp_path / "rules")
    watching = Program("prometheus", "neighbour", ("true",), 9090, "PROMETHEUS_PORT", lambda *_: None, reads=reads)
    other = Program("third_party", "neighbour", ("true",), 8099, "THIRD_PARTY_PORT", lambda *_: None)

    def written(rules: dict[str, str]) -> tuple[str, str]:
        for path in source.iterdir():
            path.unlink()
        for name, text in rules.items():
            (source / name).write_text(text)
        metrics_store.write_config([])
        supervisor_conf.write([watching, other], "sources")
        text = supervisor_conf.PATH.read_text()
        before, _, after = text.partition("[program:third_party]")
        return before, after

    seen = [written(rules) for rules in ({"demo.yml": "1"}, {"demo.yml": "1"}, {"demo.yml": "2"}, {"new.yml": "2"})]
    assert len({before for before, _ in seen}) == 3
    assert seen[0] == seen[1]
    assert len({after for _, after in seen}) == 1


def test_services_get_the_resources_of_the_caller_and_keep_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Services get the domain and the Python path of the caller, even from a supervisor that already runs. A caller
    that names no domain changes neither."""
    monkeypatch.setattr(database, "dsn", lambda *_: "mysql://")
    monkeypatch.setattr(redis, "url", lambda *_: "redis://")
    monkeypatch.setattr(services, "keys_file", lambda: tmp_path)
    caller = {"HOLDFAST_DOMAIN": "shop", "PYTHONPATH": "/goods"}
    asked = StackSettings().changed(caller)
    assert caller.items() <= services.service_env(asked, "api").items()
    assert asked.changed({"PYTHONPATH": "/elsewhere"}) == asked
    assert services.service_env(asked, "api") != services.service_env(StackSettings(), "api")
    assert "Try it: http://127.0.0.1:8080/docs" in welcome_of(monkeypatch, asked)


def test_commands_of_the_welcome_survive_a_space_in_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that the welcome text shows runs as it stands, whatever folder the clone is in."""
    monkeypatch.setattr("deploy.local.database.socket", lambda: Path("/home/ada/my work/mariadb.sock"))
    (line,) = [each for each in welcome_of(monkeypatch, StackSettings()).splitlines() if "mariadb" in each]
    assert shlex.split(line)[-2:] == ["--socket=/home/ada/my work/mariadb.sock", "holdfast"]


def welcome_of(monkeypatch: pytest.MonkeyPatch, settings: StackSettings) -> str:
    """Return the welcome text of a stack with one program."""
    monkeypatch.setattr("deploy.local.welcome.secret", lambda _: "x" * 32)
    api = SimpleNamespace(name="api", kind="service", address="127.0.0.1:8080")
    monkeypatch.setattr("deploy.local.welcome.programs", lambda _: [api])
    return welcome(settings, 3.0)


@pytest.mark.parametrize(("added", "changed", "migrated"), [([], [], 1), ([], ["api"], 0), (["writer-2"], ["api"], 1)])
def test_the_schema_changes_with_the_programs(
    monkeypatch: pytest.MonkeyPatch, added: list[str], changed: list[str], migrated: int
) -> None:
    """The schema is migrated at once if programs are added or none is changed, and otherwise when the changed programs
    are renewed. Until then, running programs keep their schema and their rights, and none of those to be renewed has to
    be ready: what changed may be the repair of one that never will be."""
    done: list[StackSettings] = []
    waited_for: list[str] = []
    nothing = SimpleNamespace(reread=lambda: (added, changed, []), stop=lambda *_: None, add=lambda _: None,
                              remove=lambda _: None, start=lambda _: None)  # fmt: skip
    monkeypatch.setattr(stack, "programs", lambda _: [SimpleNamespace(name="api", kind="service")])
    monkeypatch.setattr(stack, "_write_configuration", lambda *_: None)
    monkeypatch.setattr(stack, "wait_ready", lambda _, some: waited_for.extend(program.name for program in some))
    monkeypatch.setattr(redis, "load_rights", lambda _: None)
    monkeypatch.setattr(database, "migrate", done.append)
    monkeypatch.setattr(database, "check_tables", lambda _: None)
    monkeypatch.setattr(StackSettings, "save", lambda _: None)
    supervisor: Any = nothing
    assert stack.scale(supervisor, StackSettings(), StackSettings(domain="shop")) == changed
    assert len(done) == migrated
    assert waited_for == ([] if changed else ["api"])
    if changed:
        stack.renew(supervisor, StackSettings(domain="shop"), changed)
        assert len(done) == migrated + 1
        assert waited_for == ["api"]


def test_a_setting_of_another_release_hides_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The running stack keeps its ports and its data if another release saved a setting that this one does not
    know."""
    file = tmp_path / "stack.json"
    monkeypatch.setattr("deploy.local.settings._FILE", file)
    file.write_text('{"api_port": 8180, "ha": 1, "setting_of_tomorrow": 2}')
    assert saved() == StackSettings(api_port=8180, ha=1)
    file.write_text("[]")
    assert saved() == StackSettings()


def test_the_breakers_are_asked_for_where_the_api_listens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make circuit-status` finds the api of a stack that does not listen on 127.0.0.1."""
    monkeypatch.delenv("API", raising=False)
    monkeypatch.setattr(circuits, "saved", lambda: StackSettings(listen_host="::", api_port=1))
    assert circuits.show() == 1
    assert "The api at http://[::1]:1 gives no status" in capsys.readouterr().out


def test_a_declaration_that_cannot_be_served_ends_nothing(tmp_path: Path) -> None:
    """A declaration that cannot be loaded is a problem in one sentence, before anything is restarted."""
    settings = StackSettings(domain="goods", python_path=str(tmp_path))
    with pytest.raises(Problem, match="HOLDFAST_DOMAIN=goods cannot be served: No module named 'goods'"):
        database.check_declaration(settings)


def test_a_declaration_that_its_table_does_not_fit_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a declaration does not fit its table, the renewal fails before any running program is stopped."""

    def refused(_: StackSettings) -> None:
        raise Problem("books.state is required, and was not before")

    ended: list[Any] = []
    supervisor: Any = SimpleNamespace(stop=lambda names, _: ended.extend(names))
    monkeypatch.setattr(stack, "programs", lambda _: [SimpleNamespace(name="api", kind="service")])
    monkeypatch.setattr(database, "check_tables", refused)
    with pytest.raises(Problem, match="is required"):
        stack.renew(supervisor, StackSettings(domain="shop"), ["api"])
    assert ended == []


def test_a_long_step_is_not_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A long step prints its name and its time so far, and a short step prints nothing."""
    monkeypatch.setattr(progress, "_SILENT_S", 0.0)
    monkeypatch.setattr(progress, "_FILE_EVERY_S", 0.0)
    printed = ""
    with progress.during("installing", 90):
        while "installing" not in printed:
            printed += capsys.readouterr().err
    assert re.search(r"installing: \d+ of about 90 s\n", printed)
    capsys.readouterr()
    monkeypatch.setattr(progress, "_SILENT_S", 3600.0)
    with progress.during("installing"):
        pass
    assert capsys.readouterr().err == ""
