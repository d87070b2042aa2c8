"""Bodies: the request bodies of `/config`."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from holdfast.shared.domain.reason import legible

Reason = Annotated[str, Field(min_length=3, max_length=500), AfterValidator(legible)]


class ConfigAsked(BaseModel):
    """A change of the configuration. `for_s`: seconds after which it ends; without it, it stays."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True, str_strip_whitespace=True)

    config: dict[str, Any]
    reason: Reason
    for_s: float | None = Field(default=None, gt=0, le=7 * 86_400)


class ConfigReverted(BaseModel):
    """The end of a change: the configuration of the settings applies again."""

    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    reason: Reason
