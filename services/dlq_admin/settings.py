"""What an operator may change about dlq_admin."""

from pydantic import Field

from shared.settings import QueueSettings, StoreSettings


class DlqAdminSettings(QueueSettings, StoreSettings):
    """`HOLDFAST_DLQ_...`, besides the shared ones."""

    dlq_port: int = Field(default=8082, ge=1, le=65535, description="The port of HTTP")
    #: Operators' questions may take longer than a user's.
    db_timeout_s: float = Field(default=30, gt=0, le=300, description="As above, for dlq_admin")
    redis_timeout_s: float = Field(default=5, gt=0, le=30, description="As above, for dlq_admin")
    db_pool_size: int = Field(default=4, ge=1, le=64, description="As above, for dlq_admin")

    @classmethod
    def own_prefix(cls) -> str:
        """This service's keys."""
        return "DLQ_"
