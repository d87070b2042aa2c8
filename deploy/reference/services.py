"""The services, by the name of their settings."""

from services.api.settings import ApiSettings
from services.dlq_admin.settings import DlqAdminSettings
from services.external_proxy.settings import ProxySettings
from services.writer.settings import WriterSettings
from shared.settings import Settings

SERVICES: dict[str, type[Settings]] = {
    "api": ApiSettings,
    "writer": WriterSettings,
    "external_proxy": ProxySettings,
    "dlq_admin": DlqAdminSettings,
}
