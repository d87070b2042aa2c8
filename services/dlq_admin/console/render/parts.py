"""Parts: each block of a template is a part of its page. A part that fails is replaced by a notice; the rest of the
page stays."""

from collections.abc import Callable, Iterator, MutableMapping
from types import CodeType
from typing import Any, Self

import jinja2
from markupsafe import Markup

from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

#: Blocks whose text is inside a tag, or is not HTML at all.
_PLAIN = {"title": "Holdfast", "main_class": "", "head": "", "meta": ""}
_FAILED = Markup(
    '<p class="note bad" role="alert">This part failed: <span class="data">{}</span>, request <code>{}</code>. The log'
    " has the reason under it.</p>"
)

Block = Callable[[jinja2.runtime.Context], Iterator[str]]


class PartedTemplate(jinja2.Template):
    """A template whose blocks are parts."""

    @classmethod
    def from_code(
        cls,
        environment: jinja2.Environment,
        code: CodeType,
        globals: MutableMapping[str, Any],
        uptodate: Callable[[], bool] | None = None,
    ) -> Self:
        """Make the template as Jinja does, with its blocks wrapped."""
        template = super().from_code(environment, code, globals, uptodate)
        template.blocks = {name: _parted(name, block) for name, block in template.blocks.items()}
        return template  # type: ignore[return-value]  # it is made by `cls`


def _parted(name: str, block: Block) -> Block:
    def whole(context: jinja2.runtime.Context) -> Iterator[str]:
        try:
            text = "".join(block(context))
        except Exception as error:  # noqa: BLE001 - any failure concerns this part alone
            text = failed(name, str(context.get("request_id", "")), error)
        yield text

    return whole


def failed(name: str, request_id: str, error: Exception) -> str:
    """Return the replacement of a part that failed. The failure is counted, and logged with its traceback."""
    metrics.panics.inc()
    logs.error(Action.PANIC_RECOVERED, exc=error, request_id=request_id, part=name)
    return str(_PLAIN[name]) if name in _PLAIN else str(_FAILED.format(name.replace("_", " "), request_id))
