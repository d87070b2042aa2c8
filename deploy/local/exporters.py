"""Exporters: turn the counters of Redis and of the database into metrics. They listen on this machine only."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local import database
from deploy.local import redis as redis_servers
from deploy.local.nodes import stores
from deploy.local.packages import find
from deploy.local.places import CONF, write_private
from deploy.local.settings import StackSettings
from deploy.privileges.database import WATCHER

#: Collectors that each need a privilege of their own. Only the global status is shown, which needs none.
_LEFT_OUT = ("slave_status", "info_schema.innodb_cmp", "info_schema.innodb_cmpmem", "info_schema.query_response_time")


def redis(watched_port: int, port: int) -> tuple[str, ...]:
    """Return the command of a Redis' exporter."""
    address = ("-redis.addr", f"redis://127.0.0.1:{watched_port}", "-web.listen-address", f"127.0.0.1:{port}")
    return (find("prometheus-redis-exporter"), *address)


def redis_login() -> Mapping[str, str]:
    """Return the environment of the exporter, with its login."""
    # Without CONFIG, which would show more than the exporter needs.
    login = {"REDIS_USER": WATCHER, "REDIS_PASSWORD": redis_servers.password(WATCHER)}
    return {**login, "REDIS_EXPORTER_CONFIG_COMMAND": "-"}


def mysql(watched_port: int, port: int) -> tuple[str, ...]:
    """Return the command of the exporter of one database server."""
    left_out = (f"--no-collect.{collector}" for collector in _LEFT_OUT)
    where = (f"--config.my-cnf={_my_cnf(watched_port)}", f"--web.listen-address=127.0.0.1:{port}")
    return (find("prometheus-mysqld-exporter"), *where, *left_out)


def write_config(settings: StackSettings) -> None:
    """Write the logins of the database servers' exporters."""
    user, password = database.login(WATCHER)
    for node in stores(settings, "database"):
        login = f"user={user}\npassword={password}\nhost=127.0.0.1\nport={node.port}\n"
        write_private(_my_cnf(node.port), f"[client]\n{login}")


def _my_cnf(watched_port: int) -> Path:
    return CONF / f"mysqld-exporter-{watched_port}.cnf"
