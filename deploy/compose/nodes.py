"""The nodes of deploy/compose/ha.yml: the configurations of the queue's nodes and of the Sentinels, and the services'
address of them.

The stores' nodes have fixed addresses: a Sentinel that cannot resolve the name of a node that died does not replace it,
a group of MySQL servers that waits for one takes nobody for alive meanwhile, and a stopped container has no name.
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from deploy.privileges.redis import REPLICA, SENTINEL

#: The fixed addresses at which the database's servers find one another, as in ha.yml.
GROUP = {"mysql": "10.203.252.11", "mysql-1": "10.203.252.12", "mysql-2": "10.203.252.13"}
#: The fixed addresses of the queue's nodes, as in ha.yml.
ADDRESSES = {"queue": "10.203.253.11", "queue-1": "10.203.253.12", "queue-2": "10.203.253.13"}
_SENTINELS = ("sentinel-0", "sentinel-1", "sentinel-2")
_NAME = "queue"
_QUORUM = 2
_DOWN_MS, _FAILOVER_MS = 3_000, 15_000


def configurations(passwords: Mapping[str, str], own: str) -> Iterator[tuple[str, str]]:
    """Return the name and text of each configuration. `passwords`: of the users at Redis; `own`: of the Sentinels."""
    primary, *_ = ADDRESSES.values()
    for node, own_address in ADDRESSES.items():
        follow = f"replicaof {primary} 6379\n" if own_address != primary else ""
        yield (
            node,
            f"include /etc/holdfast/queue.conf\naclfile /run/holdfast/redis/queue.acl\ndir /data\n"
            f"replica-announce-ip {own_address}\nrepl-diskless-sync-delay 0\n"
            f"masteruser {REPLICA}\nmasterauth {passwords[REPLICA]}\n{follow}",
        )
    for sentinel in _SENTINELS:
        yield (
            sentinel,
            f"port 26379\ndir /data\nrequirepass {own}\nsentinel sentinel-pass {own}\n"
            f"sentinel monitor {_NAME} {primary} 6379 {_QUORUM}\n"
            f"sentinel auth-user {_NAME} {SENTINEL}\nsentinel auth-pass {_NAME} {passwords[SENTINEL]}\n"
            f"sentinel down-after-milliseconds {_NAME} {_DOWN_MS}\nsentinel failover-timeout {_NAME} {_FAILOVER_MS}\n",
        )


def address(user: str, password: str, own: str) -> str:
    """Return the value of REDIS_ADDR."""
    hosts = ",".join(f"{sentinel}:26379" for sentinel in _SENTINELS)
    return f"redis+sentinel://{user}:{quoted(password)}@{hosts}/{_NAME}?sentinel_password={quoted(own)}\n"


def quoted(password: str) -> str:
    """Return a password, percent-encoded for an address: one of your own may have reserved characters."""
    return quote(password, safe="")
