"""`python -m deploy.tour`: the tour on this clone's stack, which it leaves running. Exit code 0: all of it worked, 1: a
step did not."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from deploy.client.request import bearer, request
from deploy.client.users import check_users
from deploy.local.output import Problem, echo
from deploy.local.places import LOCAL, REPO
from deploy.local.postpone import ENDING
from deploy.local.secret import secret
from deploy.local.services import address
from deploy.local.settings import saved
from deploy.tour.recording import Recording
from deploy.tour.steps import PATCH, STEPS, Step
from holdfast.shared.runtime.timestamps import precise, utc_now

_FOLDER = LOCAL / "tour"


def main() -> int:
    """Run one step after another, and return the exit code."""
    for ending in ENDING:
        signal.signal(ending, signal.default_int_handler)
    recording = Recording()
    known: dict[str, Any] = {"run": secrets.token_hex(3), "patch": (_FOLDER / "patch.json").relative_to(REPO)}
    known["token"] = secret("operator_token")
    try:
        for number, step in enumerate(STEPS, 1):
            recording.show(f"\n\033[1m{step.heading(number, known)}\033[0m\n")
            _learn(step, known)
            if code := _type(step.types.format(**known), known["token"], recording):
                echo(f"\nThis step ended with {code}; the tour stops here.")
                return 1
    except Problem as problem:
        echo(f"\n{problem}")
        return 1
    except KeyboardInterrupt:
        echo("\nInterrupted. The stack runs on: make down ends it.")
        return 130
    finally:
        files = recording.write(_FOLDER)
    echo(f"\nThat was it. Recorded: {files}")
    echo(f"Go on in the console: {known['admin']}/console, with the token {known['token']}. The end: make down")
    return 0


def _learn(step: Step, known: dict[str, Any]) -> None:
    if "api" not in known and "{api}" in step.types:
        known |= {"api": f"http://{address(saved(), 'api')}", "admin": f"http://{address(saved(), 'dlq_admin')}"}
        check_users(known["api"])
        _FOLDER.mkdir(parents=True, exist_ok=True)
        (_FOLDER / "patch.json").write_text(PATCH)
    if "demo-poison" in step.types:
        known["since"] = precise(utc_now())
    if step.letters:
        groups = _asked(known, "GET", "/dlq/groups?every=true")
        known["group"] = next(group["fingerprint"] for group in groups if "full_name" in group["error"])
        these = {"fingerprint": known["group"], "state": "dead", "from": known["since"]}
        wish = {"selection": {"filter": these}, "patch": json.loads(PATCH), "reason": "the tour", "dry_run": True}
        tried = _asked(known, "POST", "/dlq/transforms", wish)
        known |= {"count": tried["count"], "fits": fits(tried)}


def fits(tried: Mapping[str, Any]) -> str:
    """Describe in a sentence what the tried patch would do."""
    if tried["verdicts"] == {"would_apply": tried["count"]}:
        return "It fits."
    return f"It does not fit all of them ({tried['refused'] or tried['verdicts']}): the others stay dead."


def _asked(known: Mapping[str, Any], method: str, path: str, document: Mapping[str, Any] | None = None) -> Any:
    body = None if document is None else json.dumps(document).encode()
    headers = bearer(known["token"]) | {"Content-Type": "application/json"}
    answer = request(known["admin"], method, path, body, headers)
    if answer.status != 200:
        raise Problem(f"dlq_admin answers {answer.status} to {method} {path}", "make status")
    return answer.body["data"]


def _type(command: str, token: str, recording: Recording) -> int:
    """Run a command in a shell, and show its output as it comes. The token is neither shown nor recorded."""

    def shown(text: str) -> str:
        return text.replace(token, "$TOKEN")

    recording.show(f"\033[32m$ {shown(command)}\033[0m\n")
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "MAKEFLAGS": "--no-print-directory"}
    with subprocess.Popen(
        ["/bin/bash", "-c", command],
        cwd=REPO,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is piped
        last = "\n"
        for line in process.stdout:
            last = line
            recording.show(shown(line))
        if not last.endswith("\n"):
            recording.show("\n")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
