"""Steps of the tour, as data: what is explained, and what is typed. `{names}` are filled in as they become known. On a
stack that was used before, the same groups have other letters: the tour uses only its own, which it finds by the time
of their death."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Step(NamedTuple):
    """A step. `letters`: whether the letters of the renamed field are its subject from here on."""

    says: str
    types: str
    letters: bool = False

    def heading(self, number: int, known: Mapping[str, Any]) -> str:
        """Return the heading shown before the step."""
        return f"{number}/{len(STEPS)}  {self.says.format(**known)}"


POISON = 10
#: The patch that repairs the renamed field of `make demo-poison`.
PATCH = '[{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}]\n'

#: Selects the letters of the renamed field that this tour has made.
_THESE = "--filter fingerprint={group} --filter state=dead --filter from={since}"

STEPS = (
    Step("Every process of the system starts, under a supervisor.", "make up"),
    Step(
        "A client creates a user and waits up to five seconds for the result.",
        "curl -s {api}/users -H 'Content-Type: application/json' -H 'Prefer: wait=5'"
        """ -d '{{"name": "Ada Lovelace", "email": "ada.{run}@example.com"}}'""",
    ),
    Step("It is there.", "curl -s '{api}/users?email=ada.{run}@example.com'"),
    Step(
        "The database stops and comes back. Reads are answered from marked copies, writes queue, nothing is lost.",
        "make test-database-down",
    ),
    Step("Every breaker of every replica, and why it is as it is.", "make circuit-status"),
    Step(
        "What clients got meanwhile that was not good, and what began at the same moment.",
        "curl -s '{admin}/failures?minutes=15' -H 'Authorization: Bearer {token}' | head -c 900",
    ),
    Step("Now writes arrive that can never work: a producer has renamed a field.", f"make demo-poison N={POISON}"),
    Step("They are dead letters. Their neighbours were not held up.", "make dlq ARGS=groups"),
    Step(
        "What would a replay of the renamed field's letters do?",
        f'make dlq ARGS="what-if {_THESE}"',
        letters=True,
    ),
    Step(
        "It would fail again, so the payload is repaired: tried on each letter first.",
        f'make dlq ARGS="transform {_THESE} --patch @{{patch}}"',
    ),
    Step(
        "{fits} The same again, with the count and a reason for the audit.",
        f"""make dlq ARGS="transform {_THESE} --patch @{{patch}} --count {{count}} --reason 'a renamed field'\"""",
    ),
    Step(
        "And the replay: a canary first, then the rest.",
        f"""make dlq ARGS="replay {_THESE} --count {{count}} --reason 'repaired' --watch\"""",
    ),
    Step("Every accepted write is accounted for, counted from the stores.", "make ledger"),
)  # fmt: skip
