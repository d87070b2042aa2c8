"""Change: a change of the configuration, with its actor, reason and duration. Pure."""

from pydantic import BaseModel, ConfigDict, Field

from holdfast.services.external_proxy.config import Config
from holdfast.shared.runtime.timestamps import UnixSeconds


class Change(BaseModel):
    """A change of the configuration. A `config` of None goes back to the settings. Times are Unix seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    version: int = Field(ge=1)
    config: Config | None
    #: When the change ends by itself, None if it does not; and the configuration after that, None for the settings'.
    until: UnixSeconds | None = None
    then: Config | None = None
    actor: str
    reason: str
    at: UnixSeconds

    def over(self, now: float) -> bool:
        """Return whether the change has ended."""
        return self.until is not None and now >= self.until

    def in_force(self, now: float) -> Config | None:
        """Return the configuration at `now`, or None for that of the settings."""
        return self.then if self.over(now) else self.config


def following(
    before: Change | None, config: Config | None, *, for_s: float | None, actor: str, reason: str, now: float
) -> Change:
    """Return the change that follows `before`. A temporary change ends in the last permanent configuration."""
    lasting = None if before is None else before.config if before.until is None else before.then
    return Change(
        version=1 if before is None else before.version + 1,
        config=config,
        until=None if for_s is None else now + for_s,
        then=lasting if for_s is not None else None,
        actor=actor,
        reason=reason,
        at=now,
    )
