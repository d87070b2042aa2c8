"""A `docker` with three services, whose states are in a file beside it. It implements as much of the command line as a
stack uses."""

import json
import sys
from pathlib import Path

STATES = Path(__file__).with_name("states.json")
PROJECT = {"com.docker.compose.project": "holdfast", "com.docker.compose.project.working_dir": "WORKING_DIR"}


def main(arguments: list[str]) -> int:
    """Run a command. The exit code is 1 if the command is not implemented."""
    states = json.loads(STATES.read_text())
    output = ""
    match arguments:
        case ["compose", "ps", "--quiet", *services]:
            output = "\n".join(name for name, state in states.items() if name in services and state != "exited")
        case ["compose", "kill" | "stop", service] if service != "cache":
            states[service] = "exited"
        case ["start" | "unpause", container]:
            states[container] = "running"
        case ["pause", container]:
            states[container] = "paused"
        case ["inspect", *containers]:
            output = json.dumps([_inspected(each, states[each]) for each in containers])
        case _:
            sys.stderr.write(f"cannot {' '.join(arguments)}\n")
            return 1
    sys.stdout.write(output)
    STATES.write_text(json.dumps(states))
    return 0


def _inspected(name: str, state: str) -> dict[str, object]:
    return {
        "Id": name,
        "Name": name,
        "State": {"Running": state == "running", "Status": state, "StartedAt": "now"},
        "Config": {"Image": "holdfast", "Labels": {**PROJECT, "com.docker.compose.service": name}},
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
