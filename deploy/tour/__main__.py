"""`python -m deploy.tour`: the tour on this clone's stack, which it leaves running. Exit code 0: all of it worked, 1: a
step did not."""

import os
import secrets
import signal
import subprocess
import sys
import time
from typing import Any

from deploy.client.request import bearer, request
from deploy.client.users import check_users
from deploy.local.output import Problem, echo
from deploy.local.places import LOCAL, REPO
from deploy.local.postpone import ENDING
from deploy.local.progress import during
from deploy.local.secret import secret
from deploy.local.services import address
from deploy.local.settings import saved
from deploy.tour.recording import Recording
from deploy.tour.steps import PATCH, POISON, STEPS, Step

_FOLDER = LOCAL / "tour"
_LETTERS_S = 120.0
_POLL_S = 0.5


def main() -> int:
    """Says and types one step after another."""
    for ending in ENDING:
        signal.signal(ending, signal.default_int_handler)
    recording = Recording()
    known: dict[str, Any] = {"run": secrets.token_hex(3), "patch": (_FOLDER / "patch.json").relative_to(REPO)}
    known["token"] = secret("operator_token")
    try:
        for number, step in enumerate(STEPS, 1):
            recording.show(f"\n\033[1m{number}/{len(STEPS)}  {step.says}\033[0m\n")
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
        known["before"] = sum(group["counts"]["dead"] for group in _groups(known))
    if step.until_letters:
        deadline = time.monotonic() + _LETTERS_S
        with during("waiting for the writers to give up on them"):
            while sum(group["counts"]["dead"] for group in _groups(known)) < known["before"] + POISON:
                if time.monotonic() > deadline:
                    raise Problem("the writes did not become dead letters", "make status", "make logs ONLY=writer")
                time.sleep(_POLL_S)
    if step.group:
        renamed = next(group for group in _groups(known) if "full_name" in group["error"])
        known |= {"group": renamed["fingerprint"], "count": renamed["counts"]["dead"]}


def _groups(known: dict[str, Any]) -> list[dict[str, Any]]:
    answer = request(known["admin"], "GET", "/dlq/groups", headers=bearer(known["token"]))
    if answer.status != 200:
        raise Problem(f"dlq_admin answers {answer.status} to GET /dlq/groups", "make status")
    groups: list[dict[str, Any]] = answer.body["data"]
    return groups


def _type(command: str, token: str, recording: Recording) -> int:
    """Run it in a shell; its output is shown as it comes. The token is neither shown nor recorded."""

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
