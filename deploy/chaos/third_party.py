"""The stand-in third party, told to misbehave."""

import json
from collections.abc import Mapping
from typing import Any

from deploy.chaos.journal import Journal
from deploy.local.problem import Problem
from deploy.scenarios.ask import ask


def misbehave(address: str, behaviour: Mapping[str, Any], journal: Journal, lasts_s: float) -> None:
    """As deploy/third_party has it. It comes to itself after `lasts_s` in any case."""
    journal.add({"how": "heal", "address": address, "path": "/behaviour"})
    body = json.dumps({**behaviour, "for_s": lasts_s}).encode()
    answer = ask(address, "PUT", "/behaviour", body, {"Content-Type": "application/json"})
    if answer.status != 200:
        raise Problem(f"the third party says {answer.status} {answer.body}")
