"""The supervisor's configuration, generated from the programs. The stack starts them, in order."""

import os
import shlex
from collections.abc import Iterable, Mapping

from deploy.local.places import CONF, LOGS, REPO, VENV_PYTHON, socket_path, write_private
from deploy.local.program import Program
from deploy.local.sources import digest

PATH = CONF / "supervisord.conf"
SOCKET = "supervisor.sock"


def write(programs: Iterable[Program], sources: str) -> None:
    """Replace the configuration, which contains the services' passwords. `sources`: the digest of the services'
    sources. The files that programs read are written before."""
    write_private(PATH, "\n".join([_head(), *(_section(each, _env(each, sources)) for each in programs)]))


def _env(program: Program, sources: str) -> Mapping[str, str]:
    """Return the environment of a program. It contains a digest of what the program reads when it starts, so that the
    supervisor reports the program as changed when that changes."""
    running = {"STACK_SOURCES": sources} if program.kind == "service" else {}
    return {**program.env, **running, **({"STACK_FILES": digest(program.reads)} if program.reads else {})}


def _head() -> str:
    # Stated explicitly, because supervisord warns at every start otherwise.
    user = "user=root\n" if os.geteuid() == 0 else ""
    return f"""\
[unix_http_server]
file={_plain(socket_path(SOCKET))}
chmod=0700

[supervisord]
nodaemon=true
silent=true
strip_ansi=true
{user}umask=077
directory={_plain(REPO)}
logfile={_plain(LOGS / "supervisord.log")}
logfile_maxbytes=5MB
logfile_backups=1
pidfile={_plain(CONF / "supervisord.pid")}
childlogdir={_plain(LOGS)}
identifier=holdfast

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _section(program: Program, env: Mapping[str, str]) -> str:
    command = [str(VENV_PYTHON), "-m", "deploy.local.launch", program.name, *program.command]
    return f"""\
[program:{program.name}]
command={_plain(shlex.join(command))}
environment={_environment(env)}
autostart=false
; It is restarted however it ended; a program that cannot start is tried again after 1 s, 2 s, 3 s ...
autorestart=true
startsecs=1
startretries=1000
stopwaitsecs={program.stop_wait_s}
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={_plain(LOGS / program.name)}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
"""


def _environment(env: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_plain(value)}"' for name, value in env.items())


def _plain(value: object) -> str:
    """Escape text, because supervisord expands `%(...)s` everywhere."""
    return str(value).replace("%", "%%")
