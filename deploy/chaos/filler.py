"""Filler: keys that fill a Redis to its maxmemory, and away again, as redis-cli commands."""

from collections.abc import Callable, Sequence

from deploy.chaos.journal import Journal
from deploy.local.problem import Problem

#: What room the filler gets: the real limit may be more memory than a demonstration should take from its host.
_ROOM_BYTES = 16 * 1024 * 1024
#: So much can go away, as writers work things off, and it is full still.
_OVER_BYTES = 1024 * 1024
_PREFIX = "{chaos}:filler:"
_FILL = """
for n = 1, 100000 do
  local done = redis.pcall('SET', KEYS[1] .. n, string.rep('x', 65536), 'EX', ARGV[1])
  if type(done) == 'table' and done.err then return n - 1 end
end
return 100000
"""
_EMPTY = "local n = 1 while redis.call('DEL', KEYS[1] .. n) == 1 do n = n + 1 end return n - 1"

Run = Callable[[Sequence[str]], str]


def fill(run: Run, cli: Sequence[str], journal: Journal, lasts_s: float) -> None:
    """`cli`: how redis-cli is called; `run` gives back what a command printed. Filler lapses by itself as well."""
    limit = run([*cli, "CONFIG", "GET", "maxmemory"]).split()[-1]
    policy = run([*cli, "CONFIG", "GET", "maxmemory-policy"]).split()[-1]
    if policy != "noeviction":
        raise Problem(f"this Redis makes room by itself ({policy}): it cannot be filled")
    journal.add({"how": "command", "command": [*cli, "EVAL", _EMPTY, "1", _PREFIX]})
    journal.add({"how": "command", "command": [*cli, "CONFIG", "SET", "maxmemory", limit]})
    run([*cli, "CONFIG", "SET", "maxmemory", str(_used(run, cli) + _ROOM_BYTES)])
    run([*cli, "EVAL", _FILL, "1", _PREFIX, str(int(lasts_s) + 60)])
    run([*cli, "CONFIG", "SET", "maxmemory", str(_used(run, cli) - _OVER_BYTES)])


def _used(run: Run, cli: Sequence[str]) -> int:
    told = dict(line.split(":", 1) for line in run([*cli, "INFO", "memory"]).splitlines() if ":" in line)
    return int(told["used_memory"])
