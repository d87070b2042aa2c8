"""The text when everything is ready: where things are, and what to try."""

import os

from deploy.local import database
from deploy.local.programs import Program, programs
from deploy.local.secret import secret
from deploy.local.settings import StackSettings

_ABOUT = {
    "api": ("", "the public API; see /docs"),
    "external_proxy": ("/external", "calls the third party"),
    "dlq_admin": ("/console", "operators log in with the token"),
    "third_party": ("/data", "stands in for a third party"),
    "prometheus": ("", "metrics and alert rules"),
    "alertmanager": ("", "sends alerts to dlq_admin"),
}


def welcome(settings: StackSettings, seconds: float) -> str:
    """The text of it."""
    every = programs(settings)
    api = next(program.address for program in every if program.name == "api")
    lines = [_line(program) for program in every if program.kind != "store" and "exporter" not in program.name]
    return f"""
Holdfast is ready ({seconds:.1f} s).

{chr(10).join(lines)}
  {"queue, cache":14} make redis ARGS=queue, make redis ARGS=cache
  {"database":14} mariadb --socket={database.socket()} {database.NAME}
  {"operator token":14} {secret("operator_token")}
{_no_writers(settings)}
{_try_it(api)}
"""


def _no_writers(settings: StackSettings) -> str:
    if settings.writers:
        return ""
    return "\nNo writer runs: accepted writes wait on the queue until make up WRITERS=2.\n"


def _try_it(api: str) -> str:
    """Two requests that the declared resources can answer."""
    if os.environ.get("HOLDFAST_DOMAIN"):
        return f"Try it: http://{api}/docs shows a request for each route of your resources."
    return f"""Try it: write a user, then read it back.

  curl -i http://{api}/users -H 'Content-Type: application/json' \\
       -d '{{"name": "Ada", "email": "ada@example.com"}}'
  curl -s 'http://{api}/users?email=ada@example.com'"""


def _line(program: Program) -> str:
    if program.name.startswith("writer-"):
        path, about = "/health", "applies writes to the database"
    else:
        path, about = _ABOUT[program.name]
    url = f"http://{program.address}{path}"
    return f"  {program.name:14} {url:30} {about}"
