"""Services: those that have a login of their own at the stores."""

from typing import Literal, get_args

Service = Literal["api", "writer", "dlq_admin", "external_proxy"]
SERVICES: tuple[Service, ...] = get_args(Service)
