"""Exporters: what turns the counters of Redis and of the database into metrics. They listen on this machine only."""

from collections.abc import Mapping
from pathlib import Path

from deploy.local import database
from deploy.local import redis as redis_servers
from deploy.local.nodes import stores
from deploy.local.packages import find
from deploy.local.places import CONF, write_private
from deploy.local.settings import StackSettings
from deploy.privileges.database import WATCHER

#: Each of these needs a privilege of its own; the global status, which needs none, is what is shown.
_LEFT_OUT = ("slave_status", "info_schema.innodb_cmp", "info_schema.innodb_cmpmem", "info_schema.query_response_time")


def redis(watched_port: int, port: int) -> tuple[str, ...]:
    """The exporter of one Redis."""
    address = ("-redis.addr", f"redis://127.0.0.1:{watched_port}", "-web.listen-address", f"127.0.0.1:{port}")
    return (find("prometheus-redis-exporter"), *address)


def redis_login() -> Mapping[str, str]:
    """Its environment."""
    # Without CONFIG, which would show more than it needs.
    login = {"REDIS_USER": WATCHER, "REDIS_PASSWORD": redis_servers.password(WATCHER)}
    return {**login, "REDIS_EXPORTER_CONFIG_COMMAND": "-"}


def mysql(watched_port: int, port: int) -> tuple[str, ...]:
    """The exporter of one server of the database."""
    left_out = (f"--no-collect.{collector}" for collector in _LEFT_OUT)
    where = (f"--config.my-cnf={_my_cnf(watched_port)}", f"--web.listen-address=127.0.0.1:{port}")
    return (find("prometheus-mysqld-exporter"), *where, *left_out)


def write_config(settings: StackSettings) -> None:
    """What the exporters of the database's servers log in with."""
    user, password = database.login(WATCHER)
    for node in stores(settings, "database"):
        login = f"user={user}\npassword={password}\nhost=127.0.0.1\nport={node.port}\n"
        write_private(_my_cnf(node.port), f"[client]\n{login}")


def _my_cnf(watched_port: int) -> Path:
    return CONF / f"mysqld-exporter-{watched_port}.cnf"
