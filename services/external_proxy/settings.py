"""Settings: what an operator may change about the external proxy at its start."""

from pydantic import AnyHttpUrl, Field

from holdfast.services.external_proxy.config import Config
from holdfast.shared.runtime.settings import CacheSettings
from holdfast.shared.runtime.time_budgets import Budget


class ProxySettings(CacheSettings):
    """The settings `HOLDFAST_PROXY_...`, besides the shared ones."""

    proxy_port: int = Field(default=8081, ge=1, le=65535, description="Port of the HTTP server")
    proxy_third_party_url: AnyHttpUrl = Field(
        default=AnyHttpUrl("http://127.0.0.1:8099"), description="Base URL of the third party"
    )
    proxy_config: Config = Field(
        default=Config(),
        description="The run-time configuration at start, as JSON: the document that `PUT /config` changes",
    )
    proxy_config_poll_s: float = Field(
        default=2, gt=0, le=60, description="How often a replica looks for a changed configuration"
    )

    def budgets(self) -> tuple[Budget, ...]:
        """Return the time budgets, with those of the configuration."""
        return (*super().budgets(), *self.proxy_config.budgets())

    @classmethod
    def own_prefix(cls) -> str:
        """Return the prefix of this service's keys."""
        return "PROXY_"
