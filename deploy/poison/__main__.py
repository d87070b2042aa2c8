"""`python -m deploy.poison [N]`: put N writes that cannot work on the stream of this clone's stack, and wait until they
are dead letters. Exit code 0: they are there; 2: they are not."""

import argparse
import secrets
import sys
import time
from collections import Counter
from functools import partial

from deploy.client.users import check_users
from deploy.local import stack
from deploy.local.output import Problem
from deploy.local.redis import password, port
from deploy.local.secret import secret
from deploy.local.services import address
from deploy.local.settings import LOOPBACK, saved
from deploy.poison.entries import GOOD, MEANING, poison
from deploy.poison.letters import known, wait
from deploy.poison.queue import put
from deploy.privileges.redis import OPERATOR
from holdfast.shared.queue.partitions import Partitions

_DEFAULT = 20
_MOST = 100_000
#: Writers stop when more than half of what they get would die, so poison is mixed with good writes.
_GOOD_EACH = 2


def main() -> int:
    """Add the writes, print what was done and where to look, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.poison", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=_DEFAULT, metavar="N", help=f"by default {_DEFAULT}")
    count = parser.parse_args().count
    try:
        if not 1 <= count <= _MOST:
            raise Problem(f"N={count} is not between 1 and {_MOST}")
        stack.check_running()
        check_users(address(saved(), "api"))
        partitions = Partitions(saved().queue_partitions)
        look = partial(known, address(saved(), "dlq_admin"), secret("operator_token"))
        before = look()
        entries = list(poison(count, time.time_ns() // 1000, secrets.randbits(64), good_each=_GOOD_EACH))
        put(
            (LOOPBACK, port(saved(), "queue")),
            (OPERATOR, password(OPERATOR)),
            [(partitions.of(fields["entity_id"].decode()).writes, fields) for _, fields in entries],
        )
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    counts = Counter(mishap for mishap, _ in entries)
    good = counts.pop(GOOD)
    lines = [f"  {many:>6}  {MEANING[mishap]}" for mishap, many in counts.most_common()]
    console = address(saved(), "dlq_admin")
    sys.stdout.write(f"On the write stream among {good} good writes, to be dead-lettered:\n\n{chr(10).join(lines)}\n\n")
    sys.stdout.flush()
    sys.stdout.write(
        f"{wait(count, before, look)}\n"
        f"Repair them: http://{console}/console (log in with the operator token that `make up` shows)\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
