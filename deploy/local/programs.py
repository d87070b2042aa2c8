"""Programs: all processes of the local stack, as data. A supervisor runs them."""

from collections.abc import Mapping

from deploy.local import alerting, database, exporters, galera, haproxy, metrics_store, probe, sentinel
from deploy.local import redis as redis_servers
from deploy.local.nodes import Node, Store, data_folder, sentinels, stores
from deploy.local.nodes import exporters as exporters_of
from deploy.local.packages import find, which
from deploy.local.places import REPO, VENV_PYTHON
from deploy.local.program import Program, reachable
from deploy.local.services import services
from deploy.local.settings import LOOPBACK, StackSettings
from deploy.privileges.redis import WATCHER, Place


def programs(settings: StackSettings) -> list[Program]:
    """Return all programs, in the order in which they are shown."""
    doors = [_haproxy(settings)] if settings.ha else []
    return [*doors, *services(settings), *_neighbours(settings), *_watchers(settings), *_stores(settings)]


def _haproxy(settings: StackSettings) -> Program:
    """Return HAProxy, where clients, operators and the api find the replicas of a service. It is ready once one replica
    of the api is."""
    host = settings.listen_host
    more = ((host, settings.dlq_port, "DLQ_PORT"), (host, settings.proxy_port, "PROXY_PORT"))
    own = (LOOPBACK, settings.haproxy_port, "HAPROXY_PORT")
    ready = probe.http_ok("/livez")
    return Program(
        "haproxy",
        "neighbour",
        haproxy.command(),
        settings.api_port,
        "API_PORT",
        ready,
        host,
        more_ports=(*more, own),
        reads=haproxy.READS,
    )


def _neighbours(settings: StackSettings) -> list[Program]:
    """Return the programs that are not Holdfast and speak HTTP."""
    third_party = (str(VENV_PYTHON), "-m", "deploy.third_party")
    where = ("--host", settings.listen_host, "--port", str(settings.third_party_port))
    return [
        Program(
            "third_party",
            "neighbour",
            (*third_party, *where),
            settings.third_party_port,
            "THIRD_PARTY_PORT",
            probe.http_ok("/livez"),
            host=settings.listen_host,
        ),
        Program(
            "prometheus",
            "neighbour",
            metrics_store.command(
                settings.listen_host,
                settings.prometheus_port,
                f"http://{reachable(settings.listen_host, settings.prometheus_port)}",
            ),
            settings.prometheus_port,
            "PROMETHEUS_PORT",
            probe.http_ok("/-/ready"),
            host=settings.listen_host,
            job="prometheus",
            instance="prometheus",
            reads=metrics_store.READS,
        ),
    ]


def _watchers(settings: StackSettings) -> list[Program]:
    """Return the exporters of the stores, and Alertmanager, as far as their packages are installed."""
    all_of_them = [
        Program(
            "alertmanager",
            "neighbour",
            alerting.command(settings.listen_host, settings.alertmanager_port),
            settings.alertmanager_port,
            "ALERTMANAGER_PORT",
            probe.http_ok("/-/ready"),
            host=settings.listen_host,
            job="alertmanager",
            instance="alertmanager",
            reads=alerting.READS,
        ),
        *(_redis_exporter(node, exporter) for node, exporter in _watched(settings, "queue")),
        _redis_exporter(
            Node("redis-cache", settings.cache_port, "CACHE_PORT"),
            Node("exporter-cache", settings.cache_exporter_port, "CACHE_EXPORTER_PORT"),
        ),
        *(
            _exporter(exporter, "mysql", exporters.mysql(node.port, exporter.port))
            for node, exporter in _watched(settings, "database")
        ),
    ]
    return [program for program in all_of_them if which(program.command[0])]


def _watched(settings: StackSettings, part: Store) -> list[tuple[Node, Node]]:
    """Return each node of a store, and its exporter."""
    return list(zip(stores(settings, part), exporters_of(settings, part), strict=True))


def _redis_exporter(node: Node, exporter: Node) -> Program:
    return _exporter(exporter, "redis", exporters.redis(node.port, exporter.port), exporters.redis_login())


def _exporter(exporter: Node, job: str, command: tuple[str, ...], env: Mapping[str, str] | None = None) -> Program:
    return Program(
        exporter.name,
        "neighbour",
        command,
        exporter.port,
        exporter.setting,
        probe.http_ok("/"),
        job=job,
        instance=exporter.name.removeprefix("exporter-"),
        env=env or {},
    )


def _stores(settings: StackSettings) -> list[Program]:
    ping = probe.redis(WATCHER, redis_servers.password(WATCHER))
    queue, cache = stores(settings, "queue"), Node("redis-cache", settings.cache_port, "CACHE_PORT")
    of_redis = [
        Program(node.name, "store", _redis_command(settings, node), node.port, node.setting, ping, stop_wait_s=30)
        for node in (*queue, cache)
    ]
    watching = [
        Program(
            node.name,
            "sentinel",
            sentinel.command(node),
            node.port,
            node.setting,
            probe.redis("default", sentinel.password()),
        )
        for node in sentinels(settings)
    ]
    of_database = [
        Program(
            node.name,
            "store",
            database.command(settings, node),
            node.port,
            node.setting,
            probe.mysql,
            stop_wait_s=60,
            more_ports=galera.ports(settings, node),
        )
        for node in stores(settings, "database")
    ]
    return [*of_redis, *watching, *of_database]


def _redis_command(settings: StackSettings, node: Node) -> tuple[str, ...]:
    place: Place = "cache" if node.name == "redis-cache" else "queue"
    if settings.ha and place == "queue":
        return sentinel.node_command(node)
    where = ("--bind", LOOPBACK, "--port", str(node.port), "--dir", str(data_folder(settings) / node.name))
    config = REPO / "deploy" / "redis" / f"{place}.conf"
    return (find("redis-server"), str(config), *where, "--aclfile", redis_servers.acl_file(place))
