"""Selected: describes the letters that a page or a record is about, and where they are listed. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from holdfast.services.dlq_admin.console.render.labels import label
from holdfast.shared.letters.ids import time_of
from holdfast.shared.runtime.timestamps import precise


class Selected(NamedTuple):
    """A description of letters. `href`: the page that lists them, or None."""

    title: str
    href: str | None


def selected(selection: Mapping[str, Any]) -> Selected:
    """Describe a selection in the format of records."""
    match selection:
        case {"ids": [one]}:
            return Selected(f"Letter {one}", f"/console/letters/{one}")
        case {"ids": ids}:
            return Selected(f"{len(ids):,} letters", None)
        case {"replay": {"id": number, "outcomes": outcomes}}:
            titles = ", ".join(label(each, "item").title for each in outcomes)
            query = urlencode({"outcome": outcomes[0]})
            return Selected(f"Replay {number}, {titles}", f"/console/replays/{number}?{query}#items")
        case {"audit": number}:
            return Selected(f"Letters of audit entry {number}", f"/console/audit/{number}")
        case {"filter": {"fingerprint": fingerprint, **rest}} if not rest:
            return Selected(f"Group {fingerprint}", f"/console/groups/{fingerprint}")
        case {"filter": conditions}:
            return _matching(conditions)
        case _:
            return Selected("Letters", None)


def _matching(conditions: Mapping[str, Any]) -> Selected:
    asked = {name: str(value) for name, value in conditions.items() if name not in ("first", "last")}
    words = [f"{name.replace('_', ' ')} {value}" for name, value in asked.items()]
    for name, field, more in (("first", "from", 0), ("last", "to", 1)):
        if name in conditions:
            asked[field] = precise(time_of(conditions[name] + more))
            words.append(f"{field} {asked[field]}")
    return Selected(
        f"Letters with {', '.join(words)}" if words else "All letters", f"/console/letters?{urlencode(asked)}"
    )
