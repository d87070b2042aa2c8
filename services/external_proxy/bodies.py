"""Request bodies of `/config`."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_REASON = Field(min_length=3, max_length=500)


class ConfigAsked(BaseModel):
    """The body of PUT."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True, str_strip_whitespace=True)

    config: dict[str, Any]
    reason: str = _REASON
    for_s: float | None = Field(default=None, gt=0, le=7 * 86_400)


class ConfigReverted(BaseModel):
    """The body of DELETE."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    reason: str = _REASON
