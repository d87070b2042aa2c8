"""What the document says about `/external-api`."""

from typing import Any

from holdfast.services.api.openapi.answers import FRESH, TIME, answer, errors
from holdfast.shared.errors import (
    CircuitOpen,
    InvalidRequest,
    ProxyBusy,
    ProxyUnavailable,
    UpstreamFailed,
    UpstreamInvalidAnswer,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from holdfast.shared.http.document import ALLOW_FALLBACK, COPY_HEADERS, a_copy

EXTERNAL: dict[str, Any] = {
    "tags": ["third party"],
    "summary": "The third party's data, through external_proxy; or the last good answer, or a default, saying so",
    "responses": answer(
        "The data; `meta.fallback.used` tells whether it is the third party's answer of this moment.",
        {}, {"source": "stand-in third party", "at": TIME}, COPY_HEADERS, fallback=a_copy("cached_data"),
    )
    | errors(
        UpstreamTimeout, UpstreamUnreachable, UpstreamInvalidAnswer, UpstreamFailed, UpstreamRefused,
        UpstreamThrottled, ProxyBusy, ProxyUnavailable, CircuitOpen, InvalidRequest,
    ),
    "openapi_extra": {"parameters": [FRESH, ALLOW_FALLBACK]},
}  # fmt: skip
