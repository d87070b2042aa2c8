"""Notice: the payload of Alertmanager's webhook (version 4), reduced to what is shown. Pure."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, Field

from holdfast.shared.runtime.timestamps import UnixSeconds, unix_seconds

_TEXT_MAX_CHARS = 500
_LABELS_MAX = 20
_LABEL_MAX_CHARS = 100
_GROUPS_MAX_CHARS = 64

#: Worst first; unknown severities come last.
SEVERITIES = ("page", "ticket", "warning", "none")


class PostedAlert(BaseModel):
    """An alert as it is posted. Other fields are ignored."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime = Field(alias="startsAt")
    fingerprint: str = Field(pattern=r"^[0-9a-f]{1,32}$")


class Posted(BaseModel):
    """A post of the webhook."""

    version: Annotated[Literal["4"], BeforeValidator(str)] = "4"
    alerts: list[PostedAlert]
    truncated: int = Field(default=0, alias="truncatedAlerts", ge=0, le=10**9)


class Notice(NamedTuple):
    """What is shown of one alert. `labels` lacks `alertname` and `severity`, which have fields of their own. Times are
    in Unix seconds; `since_s` is 0 if the posted time is out of range."""

    fingerprint: str
    firing: bool
    name: str
    severity: str
    summary: str
    description: str
    runbook: str
    dashboard: str
    labels: dict[str, str]
    since_s: UnixSeconds
    received_s: UnixSeconds

    @classmethod
    def of(cls, alert: PostedAlert, now_s: float) -> Self:
        """Make a notice of a posted alert, and cut every text to a length that a page can show."""
        texts = {name: _cut(text) for name, text in alert.annotations.items()}
        labels = {name[:_GROUPS_MAX_CHARS]: _cut(value, _LABEL_MAX_CHARS) for name, value in alert.labels.items()}
        name, severity = labels.pop("alertname", ""), labels.pop("severity", "none")
        return cls(
            alert.fingerprint,
            alert.status == "firing",
            name,
            severity,
            texts.get("summary") or name or "An alert",
            texts.get("description", ""),
            texts.get("runbook_url", ""),
            texts.get("dashboard_url", ""),
            dict(list(labels.items())[:_LABELS_MAX]),
            unix_seconds(alert.starts_at) or 0.0,
            now_s,
        )

    @property
    def rank(self) -> tuple[int, float]:
        """The sort key: worst first, then newest."""
        worse = SEVERITIES.index(self.severity) if self.severity in SEVERITIES else len(SEVERITIES)
        return worse, -self.since_s


def _cut(text: str, most: int = _TEXT_MAX_CHARS) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
