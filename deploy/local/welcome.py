"""The text when everything is ready: where things are, and what to try."""

from deploy.local import database
from deploy.local.programs import Program, programs
from deploy.local.secret import secret
from deploy.local.settings import StackSettings

_ABOUT = {
    "api": ("", "the public API; its reference: /docs"),
    "external_proxy": ("/external", "calls the third party for the api's /external-api"),
    "dlq_admin": ("/console", "dead letters: inspect, edit, replay; log in with the operator token"),
    "third_party": ("/data", "a stand-in for a third party's API"),
    "prometheus": ("", "scrapes all of them every 5 s, and evaluates its rules"),
    "alertmanager": ("", "groups alerts, and sends them to dlq_admin"),
}


def welcome(settings: StackSettings, seconds: float) -> str:
    """The text of it."""
    every = programs(settings)
    api = next(program.address for program in every if program.name == "api")
    lines = [_line(program) for program in every if program.kind != "store" and "exporter" not in program.name]
    return f"""
Holdfast is ready ({seconds:.1f} s).

{chr(10).join(lines)}
  {"queue Redis":14} make redis ARGS=queue   (redis-cli, as the operator)
  {"cache Redis":14} make redis ARGS=cache
  {"database":14} mariadb --socket={database.socket()} {database.NAME}
  {"operator token":14} {secret("operator_token")}   (.local/secrets; an API key that may do everything)

Try it: write a user, then read it back.

  curl -i http://{api}/users -H 'Content-Type: application/json' -d '{{"name": "Ada", "email": "ada@example.com"}}'
  curl -s 'http://{api}/users?email=ada@example.com'
"""


def _line(program: Program) -> str:
    if program.name.startswith("writer-"):
        path, about = "/health", "takes writes from the stream into the database"
    else:
        path, about = _ABOUT[program.name]
    url = f"http://{program.address}{path}"
    return f"  {program.name:14} {url:36} {about}"
