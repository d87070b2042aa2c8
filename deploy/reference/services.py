"""The services, by the name of their settings."""

from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.runtime.settings import Settings

SERVICES: dict[str, type[Settings]] = {
    "api": ApiSettings,
    "writer": WriterSettings,
    "external_proxy": ProxySettings,
    "dlq_admin": DlqAdminSettings,
}
