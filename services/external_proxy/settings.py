"""What an operator may change about the external proxy."""

from pydantic import Field

from shared.settings import Settings


class ProxySettings(Settings):
    """`HOLDFAST_PROXY_...`, besides the shared ones."""

    proxy_port: int = Field(default=8081, ge=1, le=65535)

    @classmethod
    def own_prefix(cls) -> str:
        """This service's keys."""
        return "PROXY_"
