"""Execution: what a server does with one command, in its current state."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tests.models.redis import claims, groups, hashes, reads, streams, strings
from tests.models.redis.commands import COMMANDS, Command, integer
from tests.models.redis.keyspace import Keyspace
from tests.models.redis.reads import Wait
from tests.models.redis.reply import OK, Failure
from tests.models.redis.scripts import Script, script_of

#: Imported because these modules fill the table of commands.
FAMILIES = (claims, groups, hashes, reads, streams, strings)

_PARENTS = frozenset((b"XGROUP", b"XINFO"))
_UNAVAILABLE = "LOADING Redis is loading the dataset in memory"
_FULL = "OOM command not allowed when used memory > 'maxmemory'."
_FULL_SCRIPT = "OOM allow-oom flag is not set on the script, can not run it when used memory > 'maxmemory'"
_REPLICA = "READONLY You can't write against a read only replica."
_REPLICA_SCRIPT = "READONLY Can not run script with write flag on readonly replica."
_NO_DISK = "MISCONF Errors writing to the AOF file: No space left on device"

Publish = Callable[[bytes, bytes], int]


class State(NamedTuple):
    """What makes a server refuse commands."""

    full: bool = False
    replica: bool = False
    loading: bool = False
    disk_full: bool = False


class Executor:
    """Runs commands on a keyspace. `publish`: sends to the subscribers."""

    def __init__(self, space: Keyspace, publish: Publish) -> None:
        self.space = space
        self.state = State()
        self.scripts: dict[bytes, Script] = {}
        #: Keys that a script touched without having them as KEYS. In a cluster their slot may belong to another server.
        self.undeclared: set[bytes] = set()
        #: Whether a command with keys of several slots is refused, as in a cluster.
        self.clustered = False
        self._publish = publish

    def run(self, parts: Sequence[bytes]) -> Any:
        """Return the reply of a command, or Wait. Raises Failure."""
        name = parts[0].upper()
        if self.state.loading:
            raise Failure(_UNAVAILABLE)
        if name == b"EVALSHA" or name == b"EVAL" or name == b"EVAL_RO" or name == b"EVALSHA_RO":
            return self._evaluate(name, parts[1:])
        if name == b"PUBLISH":
            return self._publish(parts[1], parts[2])
        if name == b"SCRIPT":
            return self._script(parts[1:])
        found, args = resolve(parts)
        found.check(args)
        self._allow(found)
        return found.run(self.space, args)

    def _allow(self, command: Command) -> None:
        if command.writes and self.state.replica:
            raise Failure(_REPLICA)
        if command.writes and self.state.disk_full:
            raise Failure(_NO_DISK)
        if command.grows and self.state.full:
            raise Failure(_FULL)

    def _script(self, args: Sequence[bytes]) -> Any:
        word = args[0].upper() if args else b""
        if word == b"LOAD":
            script = script_of(args[1])
            self.scripts[script.sha] = script
            return script.sha
        if word == b"EXISTS":
            return [int(sha.lower() in self.scripts) for sha in args[1:]]
        if word == b"FLUSH":
            self.scripts.clear()
            return OK
        raise Failure("ERR unknown subcommand")

    def _evaluate(self, name: bytes, args: Sequence[bytes]) -> Any:
        if len(args) < 2:
            raise Failure(f"ERR wrong number of arguments for '{name.decode().lower()}' command")
        count = integer(args[1])
        if count < 0:
            raise Failure("ERR Number of keys can't be negative")
        if count > len(args) - 2:
            raise Failure("ERR Number of keys can't be greater than number of args")
        if self.clustered and len({_tag(key) for key in args[2 : 2 + count]}) > 1:
            raise Failure("CROSSSLOT Keys in request don't hash to the same slot")
        script = self._found(args[0], by_sha=name.startswith(b"EVALSHA"))
        flags = script.flags
        self._allow_script(flags)
        no_writes = (flags is not None and "no-writes" in flags) or name.endswith(b"_RO")
        checked = flags is None and (self.state.full or self.state.replica or self.state.disk_full)
        wrote, declared = False, frozenset(args[2 : 2 + count])

        def call(parts: Sequence[bytes]) -> Any:
            nonlocal wrote
            if not parts:
                raise Failure("ERR Please specify at least one argument for this redis lib call")
            if parts[0].upper() == b"PUBLISH":
                return self._publish(parts[1], parts[2])
            found, given = _scripted(parts)
            if found.writes and no_writes:
                raise Failure("ERR Write commands are not allowed from read-only scripts.")
            if checked and not wrote:
                self._allow(found)
            wrote = wrote or found.writes
            self.undeclared |= set(_keys(found.name, given)) - declared
            reply = found.run(self.space, given)
            return None if isinstance(reply, Wait) else reply

        return script(call, args[2 : 2 + count], args[2 + count :])

    def _found(self, text: bytes, *, by_sha: bool) -> Script:
        if by_sha:
            known = self.scripts.get(text.lower())
            if known is None:
                raise Failure("NOSCRIPT No matching script. Please use EVAL.")
            return known
        script = script_of(text)
        return self.scripts.setdefault(script.sha, script)

    def _allow_script(self, flags: frozenset[str] | None) -> None:
        if flags is None or "no-writes" in flags:
            return
        if self.state.replica:
            raise Failure(_REPLICA_SCRIPT)
        if self.state.disk_full:
            raise Failure(_NO_DISK)
        if self.state.full and "allow-oom" not in flags:
            raise Failure(_FULL_SCRIPT)


def resolve(parts: Sequence[bytes]) -> tuple[Command, Sequence[bytes]]:
    """Return a command and its arguments. Raises Failure if there is no such command."""
    name = parts[0].upper()
    found = COMMANDS.get(name)
    if found is not None:
        return found, parts[1:]
    if name in _PARENTS and len(parts) > 1:
        found = COMMANDS.get(name + b" " + parts[1].upper())
        if found is not None:
            return found, parts[2:]
        raise Failure(f"ERR unknown subcommand '{_text(parts[1])}'. Try {_text(name)} HELP.")
    shown = "".join(f"'{_text(each)[:128]}' " for each in parts[1:])
    raise Failure(f"ERR unknown command '{_text(parts[0])[:128]}', with args beginning with: {shown}")


def _tag(key: bytes) -> bytes:
    """Return the part of a key that decides its slot."""
    inside, closed, _ = key.partition(b"{")[2].partition(b"}")
    return inside if closed and inside else key


def _keys(name: str, args: Sequence[bytes]) -> Sequence[bytes]:
    """Return the keys that a command touches, for the commands that scripts use."""
    if name in ("TIME", "INFO"):
        return ()
    return args if name in ("DEL", "EXISTS", "MGET", "RENAME") else args[:1]


def _scripted(parts: Sequence[bytes]) -> tuple[Command, Sequence[bytes]]:
    try:
        found, given = resolve(parts)
    except Failure as failure:
        raise Failure("ERR Unknown Redis command called from script") from failure
    if not found.in_scripts:
        raise Failure("ERR This Redis command is not allowed from script")
    try:
        found.check(given)
    except Failure as failure:
        raise Failure("ERR Wrong number of args calling Redis command from script") from failure
    return found, given


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
