"""Visible: renders untrusted text as HTML in which nothing executes, nothing is hidden and nothing changes the
direction of its neighbours. Pure."""

import base64
import json
import re
import unicodedata
from typing import Any

from markupsafe import Markup, escape

from holdfast.services.dlq_admin.unseen import UNSEEN, numbered, without_unseen
from holdfast.shared.domain import characters

#: Those unseen characters that would change the display of a field or break it.
_TURNING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff" + characters.BIDI_CONTROLS + "]")
_MARK = Markup('<span class="ctl" title="{}">{}</span>')
_REST = Markup('<span class="cut">… {} more characters</span>')
_DUMPED_BYTES = 256


def visible(text: Any, limit: int = 4000) -> Markup:
    """Return at most `limit` characters of the text, and how many more there are."""
    whole = text if isinstance(text, str) else str(text)
    shown, rest = whole[:limit], len(whole) - limit
    parts: list[str] = []
    at = 0
    for match in UNSEEN.finditer(shown):
        parts += [escape(shown[at : match.start()]), _marked(match[0])]
        at = match.end()
    parts.append(escape(shown[at:]))
    if rest > 0:
        parts.append(_REST.format(f"{rest:,}"))
    return Markup("").join(parts)


def inert(value: Any) -> Any:
    """Return text with code points in place of unseen characters, for all that a template prints without a filter, in
    attributes too. Text that is already HTML is returned unchanged."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return without_unseen(value)
    return value


def typed(value: Any) -> Markup:
    """Return text for a field that sends it back. Only characters that would change or break the field are replaced by
    code points, so that a name with a joiner or an emoji comes back as it was typed."""
    return escape(_TURNING.sub(numbered, str(value)))


def exact(document: Any) -> Markup:
    """Return JSON for a field, hidden or not, that sends back the same value. Line ends of browsers become newlines."""
    return escape(written_out(str(document).replace("\r\n", "\n")))


def pretty(value: Any, limit: int = 8000) -> Markup:
    """Return indented JSON."""
    return visible(json.dumps(value, indent=2, ensure_ascii=False), limit)


def written_out(document: str) -> str:
    """Return equivalent JSON for a text field, with unseen characters escaped like `\\u202e`."""
    return UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], document)


def entry_value(value: Any) -> Markup:
    """Return the value of an entry's field: text, or a dump of bytes that are not text."""
    if isinstance(value, dict) and value.keys() == {"base64"}:
        return dump(base64.b64decode(value["base64"]))
    return visible(value)


def dump(raw: bytes) -> Markup:
    """Return a hex dump, sixteen bytes per line."""
    lines = [_line(at, raw[at : at + 16]) for at in range(0, min(len(raw), _DUMPED_BYTES), 16)]
    more = len(raw) - _DUMPED_BYTES
    if more > 0:
        lines.append(f"… {more:,} more bytes")
    return Markup("\n").join(escape(line) for line in lines)


def _line(at: int, part: bytes) -> str:
    text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in part)
    return f"{at:04x}  {part.hex(' '):<47}  {text}"


def _marked(character: str) -> Markup:
    name = unicodedata.name(character, "a control character, or half of a pair")
    return _MARK.format(name.lower(), f"U+{ord(character):04X}")
