"""Variables: replaces `$name` in a query by the value that Grafana uses by default. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, Self

from holdfast.shared.runtime.time_budgets import SCRAPE_EVERY_S

#: Scrapes within the interval of a rate, so that a single missed scrape does not matter.
_SCRAPES = 4

_NAME = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\]")
_ALL = "$__all"


class Span(NamedTuple):
    """The time that a dashboard shows: `range_s` seconds, with a sample every `step_s`."""

    range_s: int
    step_s: int

    def variables(self) -> dict[str, str]:
        """Return the variables that every query may use."""
        rate_s = max(self.step_s + SCRAPE_EVERY_S, _SCRAPES * SCRAPE_EVERY_S)
        return {
            "__rate_interval": f"{rate_s}s",
            "__interval": f"{self.step_s}s",
            "__interval_ms": f"{self.step_s}000",
            "__range": f"{self.range_s}s",
            "__range_s": f"{self.range_s}",
            "__range_ms": f"{self.range_s}000",
        }


SPANS = {"5m": Span(300, 5), "15m": Span(900, 5), "1h": Span(3600, 20)}
USUAL_SPAN: Final = "15m"


class Variables:
    """A dashboard's own variables."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def read(cls, source: Iterable[Mapping[str, Any]]) -> Self:
        """Read the variables from `templating.list`."""
        return cls({str(each["name"]): _value(each) for each in source})

    def put_into(self, query: str, span: Span) -> str:
        """Return the query for Prometheus. Variables without a value stay unchanged."""
        values = {**self._values, **span.variables()}
        return _NAME.sub(lambda found: values.get(next(filter(None, found.groups())), found[0]), query)


def _value(source: Mapping[str, Any]) -> str:
    chosen = (source.get("current") or {}).get("value")
    chosen = [chosen] if isinstance(chosen, str) else list(chosen or ())
    if not chosen and source.get("type") in ("constant", "textbox", "custom", "interval"):
        chosen = [str(source.get("query") or "").partition(",")[0].strip()]
    if not chosen or _ALL in chosen:
        return str(source.get("allValue") or ".*")
    # A string in PromQL needs another backslash before each backslash.
    return chosen[0] if len(chosen) == 1 else f"({'|'.join(re.escape(one) for one in chosen)})".replace("\\", "\\\\")
