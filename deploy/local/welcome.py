"""The text that is shown when everything is ready: where things are, and what to try."""

from shlex import quote

from deploy.local import database
from deploy.local.program import Program
from deploy.local.programs import programs
from deploy.local.secret import secret
from deploy.local.services import address
from deploy.local.settings import StackSettings

_SERVICES = {
    "api": ("", "the public API; see /docs"),
    "external_proxy": ("/external", "calls the third party"),
    "dlq_admin": ("/console", "operators log in with the token"),
}
_OTHERS = {
    "third_party": ("/data", "stands in for a third party"),
    "prometheus": ("", "metrics and alert rules"),
    "alertmanager": ("", "sends alerts to dlq_admin"),
}


def welcome(settings: StackSettings, seconds: float) -> str:
    """Return the text."""
    lines = [_line(name, address(settings, name) + path, about) for name, (path, about) in _SERVICES.items()]
    lines += map(_line_of, filter(_is_shown, programs(settings)))
    return f"""
Holdfast is ready ({seconds:.1f} s).

{chr(10).join(lines)}
  {"queue, cache":14} make redis ARGS=queue, make redis ARGS=cache
  {"database":14} mariadb --socket={quote(str(database.socket()))} {database.NAME}
  {"operator token":14} {secret("operator_token")}
{_no_writers(settings)}
{_try_it(settings)}
"""


def _no_writers(settings: StackSettings) -> str:
    if settings.writers:
        return ""
    return "\nNo writer runs: accepted writes wait on the queue until make up WRITERS=2.\n"


def _try_it(settings: StackSettings) -> str:
    """Return two requests that the declared resources can answer."""
    api = address(settings, "api")
    if settings.domain:
        return f"Try it: http://{api}/docs shows a request for each route of the resources of {settings.domain}."
    return f"""Try it: write a user, then read it back.

  curl -i http://{api}/users -H 'Content-Type: application/json' \\
       -d '{{"name": "Ada", "email": "ada@example.com"}}'
  curl -s 'http://{api}/users?email=ada@example.com'"""


def _is_shown(program: Program) -> bool:
    return program.name in _OTHERS or program.name.startswith("writer-")


def _line_of(program: Program) -> str:
    path, about = _OTHERS.get(program.name, ("/health", "applies writes to the database"))
    return _line(program.name, program.address + path, about)


def _line(name: str, where: str, about: str) -> str:
    return f"  {name:14} {f'http://{where}':30} {about}"
