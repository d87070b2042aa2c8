"""Every byte of an entry survives encoding and decoding; whatever is on the stream can be read."""

import contextlib

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.shared.letters import packed
from holdfast.shared.letters.bytes_json import bytes_from_json, bytes_to_json, fields_from_json, fields_to_json
from holdfast.shared.letters.exchange.line import from_line, to_line
from holdfast.shared.letters.ids import id_of, number_of, stream_of, time_of
from holdfast.shared.letters.letter import read
from tests import letters
from tests.servers import RedisServer

#: The columns of a letter's row that a line holds.
_LINED = ("fingerprint", "dead_at", "reason", "kind", "code", "error", "frame", "writer", "build", "entry_id")
_FIELDS = st.dictionaries(st.binary(max_size=40), st.binary(max_size=200), max_size=8)


@given(st.binary() | st.text().map(str.encode))
def test_bytes_survive_json(value: bytes) -> None:
    """A field's bytes are the same after encoding as JSON and decoding, whether they are text or not."""
    assert bytes_from_json(orjson.loads(orjson.dumps(bytes_to_json(value)))) == value


@given(_FIELDS)
def test_fields_survive_json(fields: dict[bytes, bytes]) -> None:
    """Fields keep their order through JSON."""
    assert list(fields_from_json(orjson.loads(orjson.dumps(fields_to_json(fields)))).items()) == list(fields.items())


@pytest.mark.parametrize("value", [1, None, {"base64": "?"}, {"base64": 1}, {"text": "a"}, [], {"base64": "é"}])
def test_what_no_export_contains_is_refused(value: object) -> None:
    """A value that no export contains is refused with a ValueError."""
    with pytest.raises(ValueError, match="base64"):
        bytes_from_json(value)


def test_ids_are_numbers_in_order() -> None:
    """Ids convert to numbers and back, the numbers have the order of the stream, and they contain the time."""
    ids = ["1764000000123-0", "1764000000123-4", "1764000000124-0"]
    numbers = [number_of(each) for each in ids]
    assert numbers == sorted(numbers)
    assert [id_of(number) for number in numbers] == ids
    assert time_of(numbers[1]).timestamp() == pytest.approx(1764000000.123)
    for wrong in ("", "1", "1-", "a-1", "1-1000000", "9999999999999-0", "1-1-1", "١-1"):
        with pytest.raises(ValueError, match="not the id"):
            number_of(wrong)


@pytest.mark.parametrize("sizes", [[], [0], [31, 32, 255, 256], [70_000], [1] * 15, [1] * 16, [1] * 70_000])
def test_what_lua_packs_is_unpacked(clean_redis: RedisServer, sizes: list[int]) -> None:
    """Lists and strings that Lua packs are unpacked, on both sides of every limit of the format."""
    strings = [bytes([number % 256]) * size for number, size in enumerate(sizes)]
    script = "local all = {} for i = 1, #KEYS do all[i] = KEYS[i] end return cmsgpack.pack(all)"
    with clean_redis.client() as client:
        packed_by_lua = client.eval(script, len(strings), *strings)
    if not strings:
        packed_by_lua = b"\x90"  # cmsgpack packs an empty Lua table as a map, and no script packs one
    assert packed.unpack(packed_by_lua) == strings


@given(st.binary(max_size=50))
def test_nonsense_is_not_unpacked(raw: bytes) -> None:
    """Random bytes raise a ValueError or give a list of byte strings that could have been packed."""
    with contextlib.suppress(ValueError):
        assert all(isinstance(each, bytes) for each in packed.unpack(raw))


@given(_FIELDS)
def test_anything_on_the_stream_is_read(fields: dict[bytes, bytes]) -> None:
    """Reading any entry succeeds, and its columns fit the table."""
    letter = read("1764000000123-4", fields)
    assert len(letter.fingerprint) == 16
    assert all(len(text) <= 1000 for text in (letter.reason, letter.error, letter.kind, letter.command, letter.writer))


def test_a_dead_letter_is_read_whole() -> None:
    """A dead letter is read with its entity, operation, command, reason, error and frame, and the last attempt is shown
    once."""
    letter = read("1764000000123-4", letters.fields(user_id="u-1", operation_id="o-1"))
    assert (letter.entity_id, letter.operation_id, letter.command) == ("u-1", "o-1", "CreateUser")
    assert (letter.reason, letter.kind, letter.code) == ("invalid_data", "BadData", "1406")
    assert letter.frame == "shared/store/apply.py:apply"
    assert [attempt["code"] for attempt in letter.attempts] == ["1406"]
    exhausted = letters.fields()
    exhausted[b"attempts"] = b"[" + exhausted[b"last_attempt"] + b"]"
    assert len(read("1764000000123-4", exhausted).attempts) == 1


def test_a_line_is_read_back() -> None:
    """A line of an export gives the letter from which it was made, including binary fields."""
    letter = letters.letter(1, original={b"\xff\x00": b"\xfe"})
    about = {name: getattr(letter, name) for name in _LINED} | {"state": "dead"}
    line = orjson.loads(orjson.dumps(to_line(letter.number, about, letter.original, letter.attempts)))
    assert from_line(line) == letter
    for name in ("id", "fingerprint", "dead_at", "original", "attempts", "error"):
        with pytest.raises(ValueError, match=r"."):
            from_line(line | {name: None})


_ABOUT = ("reason", "error", "dead_at", "writer", "build", "entry_id", "fingerprint", "last_attempt", "attempts")
_ODD = st.text(max_size=50).map(str.encode) | st.binary(max_size=50) | st.datetimes().map(lambda at: str(at).encode())
_NOTED = st.dictionaries(
    st.sampled_from(("kind", "code", "traceback")), st.text(max_size=150) | st.integers(-(2**63), 2**63 - 1)
)


@given(st.dictionaries(st.sampled_from(_ABOUT).map(str.encode), _ODD), _NOTED)
@example({b"dead_at": b"9999-12-31T23:59:59+00:00"}, {})
@example({b"dead_at": b"1970-01-01T00:30:00+01:00"}, {})
def test_whatever_was_read_from_the_stream_is_exported_and_imported(
    fields: dict[bytes, bytes], noted: dict[str, object]
) -> None:
    """An import takes every line that an export has written, also of an entry that no writer wrote."""
    letter = read("1764000000123-4", {b"last_attempt": orjson.dumps(noted)} | fields)
    about = {name: getattr(letter, name) for name in _LINED} | {"state": "dead"}
    line = orjson.loads(orjson.dumps(to_line(letter.number, about, letter.original, letter.attempts)))
    assert from_line(line) == letter


def test_a_letter_tells_its_stream() -> None:
    """All letters of the only stream belong to it, however many there are in one millisecond."""
    assert {stream_of(number_of(f"1764000000000-{each}")) for each in (0, 99, 100, 5_000)} == {0}
    assert [stream_of(number_of(f"1764000000000-{each}")) for each in (20_000, 20_100, 640_000, 646_399)] == [
        200, 201, 6400, 6463,
    ]  # fmt: skip
