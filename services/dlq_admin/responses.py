"""Responses: what response models share. A model is the single declaration of an answer: functions return it, pages
show it, REST sends it, and the OpenAPI document describes it.

A field without a default is always in the JSON, even if it is null. A field with a default is left out if it is not
set.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from holdfast.shared.runtime.timestamps import precise


def _iso(value: Any) -> Any:
    """Return the ISO text of a datetime in UTC or of Unix seconds. Other values are returned unchanged."""
    if isinstance(value, datetime):
        return precise(value)
    return precise(datetime.fromtimestamp(value, UTC)) if isinstance(value, int | float) else value


#: `2026-01-15T10:30:00.123456Z`; made from a datetime in UTC or from Unix seconds.
Moment = Annotated[str, BeforeValidator(_iso), Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Counts = dict[str, Count]


class ResponseModel(BaseModel):
    """Base class of every response."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def from_source(cls, source: object, **more: Any) -> Self:
        """Make the model from `more` and, for the other fields, from the attributes of `source` with the same names."""
        same = {name: getattr(source, name) for name in cls.model_fields if name not in more and hasattr(source, name)}
        return cls(**same, **more)
