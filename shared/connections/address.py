"""Addresses: REDIS_ADDR and DB_DSN, parsed the same way for every connection. Nothing in an address is ignored: an
unknown option is an error. Errors never quote the address, because it may hold a password."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from holdfast.shared.connections import tls
from holdfast.shared.connections.tls import Tls

# The same rules as SQLAlchemy's: a password may contain `/`, `?` and `#` unescaped, but `@` and `%` only as %40 and
# %25.
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<host>\[[^]]*]|[^:@/?#]*)(?::(?P<port>\d+))?"
    r"(?:/(?P<path>[^?#]*))?(?:\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)
# The form of Go programs: user:password@tcp(host:port)/database?options. Only the options are escaped.
_GO_DSN = re.compile(
    r"(?!(?:mysql|mariadb)[^:]*://)(?P<user>[^:@]*)(?::(?P<password>.*))?@tcp\((?P<hosts>[^()]*)\)"
    r"/(?P<path>[^?]*)(?:\?(?P<query>.*))?",
    re.DOTALL,
)
#: A URL with several hosts, each of which may have a port.
_URL_OF_HOSTS = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@]*))?@)?"
    r"(?P<hosts>[^@/?#]*)(?:/(?P<path>[^?#]*))?(?:\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?P<host>\[[^]]*]|[^:]+)(?::(?P<port>\d+))?")
_DATABASE_PORT, _QUEUE_PORT, _SENTINEL_PORT = 3306, 6379, 26379
_PORT_MAX = 65535
#: Schemes of addresses with several hosts.
_SEVERAL = ("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")

#: Options of a DSN for what is fixed here, with a test of whether a value agrees with it.
_AGREED: Mapping[str, Callable[[str], bool]] = {
    "charset": lambda value: value.lower().split(",")[0] == "utf8mb4",
    "parsetime": lambda value: value.lower() in ("true", "false"),  # about Go's types only
    "loc": lambda value: value.upper() == "UTC",
    "multistatements": lambda value: value.lower() == "false",
}
#: Options that are set elsewhere, and where.
_ELSEWHERE: Mapping[str, str] = {
    "timeout": "HOLDFAST_DB_CONNECT_TIMEOUT_S", "connect_timeout": "HOLDFAST_DB_CONNECT_TIMEOUT_S",
    "readtimeout": "HOLDFAST_DB_TIMEOUT_S", "read_timeout": "HOLDFAST_DB_TIMEOUT_S",
    "writetimeout": "HOLDFAST_DB_TIMEOUT_S", "write_timeout": "HOLDFAST_DB_TIMEOUT_S",
    "socket_timeout": "HOLDFAST_REDIS_TIMEOUT_S", "socket_connect_timeout": "HOLDFAST_REDIS_CONNECT_TIMEOUT_S",
    "max_connections": "this client itself",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a store. `database`: its name, or Redis' number. `tls`: None if not encrypted. `standbys`: (host,
    port) of the databases that are tried after the first, in this order.

    Instead of host and port: `socket`, the path of a Unix socket; `sentinels`, (host, port) of the Sentinels that know
    the address of `service`; or `nodes`, (host, port) of some nodes of a Redis Cluster.
    """

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    database: str = ""
    socket: str | None = None
    tls: Tls | None = None
    sentinels: tuple[tuple[str, int], ...] = ()
    nodes: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_user: str | None = None
    sentinel_password: str | None = None
    standbys: tuple[tuple[str, int], ...] = ()

    def __repr__(self) -> str:
        hosts = self.nodes or ((self.host, self.port),)
        return f"Address({self.socket or self.service or ','.join(host_and_port(*each) for each in hosts)})"


def host_and_port(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_redis(text: str) -> Address:
    """Parse `host:port`, or a `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://` URL. Raises
    ValueError."""
    scheme = text.partition("://")[0].lower()
    if scheme in _SEVERAL:
        return _parse_several(text)
    parts = _URL.fullmatch(text if "://" in text else f"redis://{text}")
    if parts is None or parts["scheme"].lower() not in ("redis", "rediss", "unix"):
        raise ValueError(
            "neither host:port nor redis://, rediss:// (with TLS) or unix://user:password@host:port/number, nor"
            " redis+sentinel://user:password@host:port,host:port/name or redis+cluster://user:password@host:port,host:port"
        )
    if "," in parts["host"]:
        raise ValueError(
            "several hosts need redis+sentinel://host,host/name (Sentinels) or redis+cluster://host,host (a cluster)"
        )
    about_tls, others = _options(parts["query"])
    scheme, path = parts["scheme"].lower(), unquote(parts["path"] or "")
    number = others.pop("db", "" if scheme == "unix" else path)
    _refuse(others)
    if number and not number.isdecimal():
        raise ValueError("the database of a Redis address must be a number")
    encrypted = _tls(about_tls or ([("tls", "true")] if scheme == "rediss" else []))
    if scheme == "rediss" and encrypted is None:
        raise ValueError("rediss:// asks for TLS, and an option turns it off")
    if encrypted and not encrypted.required:
        raise ValueError("TLS to Redis is either on or off")
    if encrypted and scheme == "unix":
        raise ValueError("there is no TLS on a Unix socket")
    socket = f"/{path}" if scheme == "unix" else None
    user, password = (unquote(value) if value else None for value in (parts["user"], parts["password"]))
    host = (parts["host"] or "localhost").strip("[]")
    return Address(host, _port(parts["port"], _QUEUE_PORT), user, password, number, socket, encrypted)


def _parse_several(text: str) -> Address:
    """Parse an address of Sentinels, or of nodes of a cluster. The user and password are those at Redis;
    `sentinel_user` and `sentinel_password` are options."""
    parts = _URL_OF_HOSTS.fullmatch(text)
    scheme = text.partition("://")[0].lower()
    clustered = scheme.endswith("cluster")
    what = (
        "nodes of a cluster are host:port,host:port" if clustered else "Sentinels are host:port,host:port before /name"
    )
    hosts = _hosts(parts["hosts"], _QUEUE_PORT if clustered else _SENTINEL_PORT) if parts else ()
    if parts is None or not hosts:
        raise ValueError(f"the hosts of {what}")
    path = unquote(parts["path"] or "")
    service, _, number = ("", "", path) if clustered else path.partition("/")
    if not (service or clustered):
        raise ValueError("redis+sentinel:// needs the name under which Sentinel watches the primary: host,host/name")
    if number and not number.isdecimal():
        raise ValueError("the database of a Redis address must be a number")
    if clustered and int(number or 0):
        raise ValueError("a Redis Cluster has only the database 0")
    about_tls, others = _options(parts["query"])
    login = () if clustered else (others.pop("sentinel_user", None), others.pop("sentinel_password", None))
    _refuse(others)
    encrypted = _tls(about_tls or ([("tls", "true")] if scheme.startswith("rediss") else []))
    if encrypted and not encrypted.required:
        raise ValueError("TLS to Redis is either on or off")
    user, password = (unquote(value) if value else None for value in (parts["user"], parts["password"]))
    if clustered:
        return Address("", 0, user, password, number, None, encrypted, nodes=hosts)
    return Address("", 0, user, password, number, None, encrypted, hosts, (), service, *login)


def parse_dsn(text: str) -> Address:
    """Parse a URL (`mysql://user:password@host:3306/db`) or the Go form (`user:password@tcp(host:3306)/db`), with one
    host or several separated by commas. Without TLS options, the connection is encrypted if the server offers it.
    Raises ValueError."""
    go = _GO_DSN.fullmatch(text)
    parts = go or _URL_OF_HOSTS.fullmatch(text)
    if parts is None:
        raise ValueError("neither mysql://user:password@host:3306/db nor user:password@tcp(host)/db")
    if go is None and (backend := parts["scheme"].lower().partition("+")[0]) not in ("mysql", "mariadb"):
        raise ValueError(f"a MySQL-protocol database is needed, not {backend}")
    if not parts["path"]:
        raise ValueError("the DSN names no database")
    about_tls, others = _options(parts["query"])
    _refuse({name: value for name, value in others.items() if name not in _AGREED or not _AGREED[name](value)})
    decode = _as_it_is if go else unquote
    encrypted = _tls(about_tls or [("tls", "preferred")])
    user, password = (decode(value) if value else None for value in (parts["user"], parts["password"]))
    named = parts["hosts"]
    hosts = _hosts(f"localhost{named}" if named[:1] in ("", ":") else named, _DATABASE_PORT)
    if not hosts:
        raise ValueError("the hosts of a DSN must be host:port or, with standbys, host:port,host:port")
    if len(set(hosts)) < len(hosts):
        raise ValueError("the DSN names a host twice")
    (host, port), *standbys = hosts
    return Address(host, port, user, password, decode(parts["path"]), tls=encrypted, standbys=tuple(standbys))


def _hosts(text: str, usual_port: int) -> tuple[tuple[str, int], ...]:
    """Return (host, port) of each host; nothing if one of them is not a host."""
    matches = [_HOST.fullmatch(host) for host in text.split(",")]
    hosts = tuple((match["host"].strip("[]"), _port(match["port"], usual_port)) for match in matches if match)
    return hosts if len(hosts) == len(matches) else ()


def _port(text: str | None, usual: int) -> int:
    port = int(text or usual)
    if not 0 < port <= _PORT_MAX:
        raise ValueError(f"{port} is not a port")
    return port


def _as_it_is(text: str) -> str:
    return text


def _tls(options: list[tuple[str, str]]) -> Tls | None:
    """Return TLS as the options demand. Its files are read once here, so that a missing file is an error at the
    start."""
    if not options:
        return None
    wanted = tls.read(options)
    if wanted and wanted.required:
        wanted.context()
    return wanted


def _options(query: str | None) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return (the options about TLS, all other options by name)."""
    about_tls: list[tuple[str, str]] = []
    others: dict[str, str] = {}
    for pair in filter(None, (query or "").split("&")):
        raw, _, value = pair.partition("=")
        name = unquote(raw).lower().replace("-", "_")
        if name in tls.OPTIONS:
            about_tls.append((name, unquote(value)))
        elif others.setdefault(name, unquote(value)) != unquote(value):
            raise ValueError(f"the option {_shown(name)} has two values")
    return about_tls, others


def _refuse(unknown: Mapping[str, str]) -> None:
    for name in unknown:
        if name in _AGREED:
            raise ValueError(f"the option {name} has a value that is not supported")
        if name in _ELSEWHERE:
            raise ValueError(f"the option {name} does not belong in the address: {_ELSEWHERE[name]} decides")
        known = ", ".join(sorted(tls.OPTIONS))
        raise ValueError(f"the option {_shown(name)} is unknown; options about TLS are: {known}")


def _shown(name: str) -> str:
    """Return the name, unless it may be part of a password that was not escaped."""
    return name if re.fullmatch(r"[a-z][a-z_]{1,30}", name) else "at the end of the address"
