"""Scripts on Redis: what they read, what they return, and how they fail."""

import re

import pytest
from redis.exceptions import NoScriptError, RedisError

from tests.contracts.redis_subjects import Subject


async def _failure(subject: Subject, text: str, *keys: str) -> str:
    with pytest.raises(RedisError) as caught:
        await subject.redis.eval(text, len(keys), *keys)
    # Each server names the script its own way.
    kind = type(caught.value).__name__
    return f"{kind} " + re.sub(r" ?script: [0-9a-f]{40}, on @?user_script:\d+\.", " SCRIPT", str(caught.value))


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("return {1, 2.9, 'x', false, 3}", [1, 2, b"x", None, 3]),
        ("return {1, nil, 3}", [1]),
        ("return redis.call('HGETALL', 'none')", []),
        ("return redis.call('GET', 'none') == false and 1 or 0", 1),
        ("return redis.call('SET', 'a', 1).ok", b"OK"),
        ("return redis.call('HGET', 'h', 'x')", b"1"),
        ("local ok, e = pcall(redis.call, 'GET', 'h'); return {tostring(ok), type(e), e}",
         [b"false", b"string", b"WRONGTYPE Operation against a key holding the wrong kind of value"]),
        ("return redis.pcall('GET', 'h').err:match('^WRONGTYPE')", b"WRONGTYPE"),
        ("return {tostring(pcall(cjson.decode, '[1, oops')), cjson.decode('[[1, 2.5], \"x\"]')[1][2] * 2}",
         [b"false", 5]),
        ("return string.format('%.0f %d', 1795863347136784, 7)", b"1795863347136784 7"),
        ("return cmsgpack.pack({'a', string.rep('b', 40)})", b"\x92\xa1a\xd9\x28" + b"b" * 40),
        ("return #redis.call('TIME')", 2),
        ("return tostring(tonumber(redis.call('TIME')[1]) > 1e9)", b"true"),
        ("local who = redis.call('INFO', 'server', 'replication');"
         " return {#string.match(who, 'run_id:(%w+)'), #string.match(who, 'master_replid:(%w+)')}", [40, 40]),
        ("redis.call('XADD', 's', '5-1', 'a', 'b'); return redis.call('XRANGE', 's', '-', '+')",
         [[b"5-1", [b"a", b"b"]]]),
        ("return redis.call('XINFO', 'STREAM', KEYS[1])[2]", 1),
    ],
)  # fmt: skip
async def test_returns(subject: Subject, text: str, reply: object) -> None:
    """The values that a script returns reach the client as Redis converts them."""
    await subject.redis.hset("h", "x", "1")
    await subject.redis.xadd("k", {"x": "1"})
    assert await subject.redis.eval(text, 1, "k") == reply


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("return redis.call('GET', 'h')", r"WRONGTYPE Operation.* SCRIPT"),
        ("return redis.call('NOPE')", r"Unknown Redis command called from script SCRIPT"),
        ("return redis.call('GET')", r"Wrong number of args calling Redis command from script SCRIPT"),
        ("error('broken')", r"user_script:1: broken SCRIPT"),
        ("made = 1", r".*(readonly table|global variable).*SCRIPT"),
        ("return missing", r".*nonexistent global variable 'missing'.*SCRIPT"),
        ("return (", r".*Error compiling script.*"),
        ("return redis.error_reply('MINE it is')", r"MINE it is"),
        ("#!lua flags=nonsense\nreturn 1", r".*Unexpected flag in script shebang: nonsense"),
        ("#!lua flags=no-writes\nreturn redis.call('SET', 'a', 1)", r"Write commands are not allowed .*SCRIPT"),
    ],
)
async def test_failures(subject: Subject, text: str, pattern: str) -> None:
    """The error of a script names the script, and has the words by which callers distinguish errors."""
    await subject.redis.hset("h", "x", "1")
    message = await _failure(subject, text)
    assert re.fullmatch(f"ResponseError (ERR )?{pattern}", message), message


async def test_unknown_script(subject: Subject) -> None:
    """A script that was never loaded cannot be called by its hash; after SCRIPT LOAD it can."""
    with pytest.raises(NoScriptError):
        await subject.redis.evalsha("0" * 40, 0)
    sha = await subject.redis.script_load("return 7")
    assert await subject.redis.evalsha(sha, 0) == 7


async def test_full(subject: Subject) -> None:
    """When memory is full, a script that needs memory is refused before it begins, and a script that needs none or is
    allowed to exceed it runs."""
    await subject.redis.set("a", "1")
    await subject.full(True)
    assert "OutOfMemoryError" in await _failure(subject, "#!lua\nreturn 1")
    assert "OutOfMemoryError" in await _failure(subject, "return redis.call('SET', 'a', 2)")
    assert await subject.redis.eval("#!lua flags=allow-oom\nreturn redis.call('SET', 'a', 2)", 0) in (b"OK", "OK")
    assert await subject.redis.eval("#!lua flags=no-writes\nreturn redis.call('GET', 'a')", 0) == b"2"
    assert await subject.redis.eval("return redis.call('GET', 'a')", 0) == b"2"
    assert await subject.redis.eval("redis.call('DEL', 'a'); return redis.call('SET', 'b', 1)", 0) in (b"OK", "OK")
    assert await subject.redis.delete("b") == 1


async def test_replica(subject: Subject) -> None:
    """A replica refuses writes and every script that may write."""
    await subject.replica(True)
    assert "READONLY" in await _failure(subject, "#!lua\nreturn 1")
    assert "READONLY" in await _failure(subject, "#!lua flags=allow-oom\nreturn 1")
    assert "READONLY" in await _failure(subject, "return redis.call('SET', 'a', 2)")
    assert await subject.redis.eval("#!lua flags=no-writes\nreturn 5", 0) == 5
