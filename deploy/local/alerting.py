"""Alertmanager: its command and its configuration, with the addresses and the key of this stack."""

from deploy.local.packages import find
from deploy.local.places import CONF, LOCAL, REPO, write_private
from deploy.local.secret import secret
from holdfast.shared.connections.address import host_and_port

_FOLDER = CONF / "alertmanager"
_CONFIG = _FOLDER / "alertmanager.yml"
#: The files that it reads when it starts.
READS = (_CONFIG,)
#: The address at which deploy/alertmanager/alertmanager.yml expects dlq_admin.
_DLQ_ADMIN = "http://dlq_admin:8082/"


def command(host: str, port: int) -> tuple[str, ...]:
    """Return the command of a single server in the foreground."""
    return (
        find("prometheus-alertmanager"),
        f"--config.file={_CONFIG}",
        f"--storage.path={LOCAL / 'alertmanager'}",
        f"--web.listen-address={host_and_port(host, port)}",
        "--cluster.listen-address=",
        "--log.level=warn",
    )


def write_config(dlq_admin: str) -> None:
    """Write the configuration. `dlq_admin`: its host:port."""
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    config = (REPO / "deploy" / "alertmanager" / "alertmanager.yml").read_text()
    write_private(_FOLDER / "alertmanager_token", secret("alertmanager_token") + "\n")
    write_private(_CONFIG, config.replace(_DLQ_ADMIN, f"http://{dlq_admin}/"))
