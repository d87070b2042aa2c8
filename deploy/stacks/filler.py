"""Filler: fills a Redis to its maxmemory, and empties it again, with redis-cli commands."""

from collections.abc import Callable, Sequence

from deploy.local.output import Problem
from deploy.stacks.journal import Journal

#: Room for the filler keys. The real limit may be more memory than a demonstration should take.
_ROOM_BYTES = 4 * 1024 * 1024
#: Memory that writers may free by working off the backlog while Redis still counts as full.
_OVER_BYTES = 1024 * 1024
_KEY_BYTES, _BATCH_KEYS = 65_536, 16
_BATCHES_MAX = 2 * _ROOM_BYTES // (_KEY_BYTES * _BATCH_KEYS)
_PREFIX = "{chaos}:filler:"
#: Redis lets a running script exceed maxmemory, so each script writes only a little. A full Redis refuses the next one.
_FILL = """
for n = tonumber(ARGV[1]), tonumber(ARGV[1]) + tonumber(ARGV[2]) - 1 do
  redis.call('SET', KEYS[1] .. n, string.rep('x', tonumber(ARGV[3])), 'EX', ARGV[4])
end
"""
_EMPTY = "local n = 1 while redis.call('DEL', KEYS[1] .. n) == 1 do n = n + 1 end return n - 1"

#: Returns a command's output. Raises Problem with it.
Run = Callable[[Sequence[str]], str]


def fill(
    run: Run,
    redis_cli: Sequence[str],
    journal: Journal,
    lasts_s: float,
    *,
    now: Sequence[str] = (),
    rewritten: bool = False,
) -> None:
    """Return the commands that fill and empty a Redis. `redis_cli`: the command for one node; `now`: the command for
    the primary at the time of mending. `rewritten`: whether a Sentinel may have written the limit to the node's
    configuration, where it has to be restored. The filler keys expire a minute after `lasts_s` in any case."""
    cli = [*redis_cli, "-e"]  # otherwise an error would look like success
    limit = run([*cli, "CONFIG", "GET", "maxmemory"]).split()[-1]
    policy = run([*cli, "CONFIG", "GET", "maxmemory-policy"]).split()[-1]
    if policy != "noeviction":
        raise Problem(f"this Redis evicts keys ({policy}): it cannot be filled")
    journal.add({"how": "command", "command": [*(now or redis_cli), "-e", "EVAL", _EMPTY, "1", _PREFIX]})
    if rewritten:
        journal.add({"how": "command", "command": [*cli, "CONFIG", "REWRITE"]})
    journal.add({"how": "command", "command": [*cli, "CONFIG", "SET", "maxmemory", limit]})
    run([*cli, "CONFIG", "SET", "maxmemory", str(_used(run, cli) + _ROOM_BYTES)])
    for batch in range(_BATCHES_MAX):
        first = batch * _BATCH_KEYS + 1
        numbers = (first, _BATCH_KEYS, _KEY_BYTES, int(lasts_s) + 60)
        try:
            run([*cli, "EVAL", _FILL, "1", _PREFIX, *map(str, numbers)])
        except Problem as problem:
            if "OOM" not in str(problem):
                raise
            break
    run([*cli, "CONFIG", "SET", "maxmemory", str(_used(run, cli) - _OVER_BYTES)])


def _used(run: Run, cli: Sequence[str]) -> int:
    info = dict(line.split(":", 1) for line in run([*cli, "INFO", "memory"]).splitlines() if ":" in line)
    return int(info["used_memory"])
