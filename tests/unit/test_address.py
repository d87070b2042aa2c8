"""REDIS_ADDR and DB_DSN: read whole, or refused."""

import ssl
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdfast.shared.connections import tls
from holdfast.shared.connections.address import parse_dsn, parse_redis

_SECRET = "p-4711-p"  # noqa: S105 - looked for in messages
_ESCAPED = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
_PARSERS = ((parse_redis, "rediss://user:{}@host:6379/0"), (parse_dsn, "mysql://user:{}@host/db"))
_DSNS = ("mysql://user:{}@host/db", "user:{}@tcp(host:3306)/db")


@given(_ESCAPED, _ESCAPED)
def test_names_and_passwords_come_out_as_they_went_in(user: str, password: str) -> None:
    """Names and passwords of any characters are read back unchanged: escaped from a URL, and as they are from the Go
    form."""
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    for address in (parse_redis(f"redis://{login}@host"), parse_dsn(f"mysql://{login}@host/db")):
        assert (address.user, address.password, address.host) == (user, password, "host")
    if ":" not in user and "@" not in user and "//" not in password and "@tcp(" not in password:
        assert parse_dsn(f"{user}:{password}@tcp(host)/db").password == password


@given(
    st.sampled_from(_PARSERS), st.from_regex(r"[a-zA-Z][a-zA-Z_-]{0,20}", fullmatch=True), st.text("abcd1", max_size=5)
)
def test_an_option_that_is_not_understood_is_refused(form: tuple, name: str, value: str) -> None:  # type: ignore[type-arg]
    """An unknown option of an address is refused, whatever its name, and the error does not contain the password."""
    parse, address = form
    plain = name.lower().replace("-", "_")
    assume(plain not in tls.OPTIONS and plain not in ("db", "charset", "parsetime", "loc", "multistatements"))
    with pytest.raises(ValueError, match="option") as refused:
        parse(f"{address.format(_SECRET)}?{name}={value}")
    assert _SECRET not in str(refused.value)


@given(st.sampled_from([name for name in tls.OPTIONS if "key" not in name and name != "ssl_password"]), st.data())
def test_an_option_of_tls_is_honoured_or_refused(name: str, data: st.DataObject) -> None:
    """An option of TLS is never dropped: with any value TLS is required, or the address is refused, or the value turns
    TLS off."""
    value = data.draw(
        st.sampled_from(["true", "0", "none", "REQUIRED", "skip-verify", "VERIFY_CA", "/no/such/file", ""])
    )
    off = (name in ("tls", "ssl") and value == "0") or (name == "ssl" and value == "0")
    for parse, address in ((parse_redis, "redis://host"), (parse_dsn, "mysql://host/db"), (parse_dsn, "u@tcp(h)/db")):
        try:
            wanted = parse(f"{address}?{name}={value}").tls
        except ValueError:
            continue
        assert off or (wanted is not None and wanted.required)


@pytest.mark.parametrize(("query", "mode", "name"), [
    ("", ssl.CERT_REQUIRED, True),
    ("?ssl_cert_reqs=none", ssl.CERT_NONE, False),
    ("?ssl_check_hostname=false", ssl.CERT_REQUIRED, False),
    ("?ssl-mode=VERIFY_CA", ssl.CERT_REQUIRED, False),
    ("?ssl_mode=required", ssl.CERT_NONE, False),
    ("?tls=skip-verify", ssl.CERT_NONE, False),
    ("?tls=true&ssl_verify_identity=1", ssl.CERT_REQUIRED, True),
])  # fmt: skip
def test_what_is_verified(query: str, mode: ssl.VerifyMode, name: bool) -> None:
    """The certificate and the host name are verified unless an option turns a check off."""
    wanted = parse_redis(f"rediss://host{query}").tls
    assert wanted is not None
    context = wanted.context()
    assert (context.verify_mode, context.check_hostname) == (mode, name)


@pytest.mark.parametrize("query", [
    "tls=true&ssl_mode=disabled", "tls=false&ssl_ca=/ca", "ssl_verify_cert=false&ssl_ca=/ca",
    "ssl_mode=required&ssl_capath=/", "ssl_cert_reqs=none&ssl_check_hostname=true", "tls=true&tls=skip-verify",
    "ssl_key=/key",
    "tls=my-own",
    "ssl_ca=/no/such/file", "ssl_cert=/no/such/file", "ssl_key_password=x", "ssl_verify_cert=perhaps",
])  # fmt: skip
def test_what_makes_no_sense_together_is_refused(query: str) -> None:
    """Contradictory options, and files that cannot be read, are refused when the DSN is parsed and not at the first
    connection."""
    for dsn in _DSNS:
        with pytest.raises(ValueError, match=r"\w") as refused:
            parse_dsn(f"{dsn.format(_SECRET)}?{query}")
        assert _SECRET not in str(refused.value)


def test_redis_has_tls_or_has_not() -> None:
    """TLS for Redis is either on or off: an option cannot turn `rediss` off, and there is nothing between on and
    off."""
    for wrong in ("rediss://host?tls=false", "redis://host?tls=preferred", "unix:///socket?tls=true", "http://host"):
        with pytest.raises(ValueError, match="TLS"):
            parse_redis(wrong)
    assert parse_redis("host:7000").tls is None
    assert parse_redis("redis://host?ssl_cert_reqs=required").tls is not None


@pytest.mark.parametrize("dsn", _DSNS)
def test_options_of_go_programs(dsn: str) -> None:
    """Go options that state what is always true here are accepted; an option that Holdfast's settings decide is refused
    with the name of the setting."""
    assert parse_dsn(f"{dsn}?parseTime=true&charset=utf8mb4,utf8&loc=UTC&tls=true").tls is not None
    assert (parse_dsn(f"{dsn}?tls=false").tls, parse_dsn(f"{dsn}?parseTime=true").tls) == (
        None,
        tls.Tls(False, False, False),
    )
    for option, complaint in (
        ("readTimeout=5s", "HOLDFAST_DB_TIMEOUT_S"),
        ("charset=latin1", "charset"),
        ("loc=Local", "loc"),
    ):
        with pytest.raises(ValueError, match=complaint):
            parse_dsn(f"{dsn}?{option}")


def test_ipv6_and_ports() -> None:
    """An IPv6 address is returned without its brackets, and invalid ports and database numbers are refused."""
    assert (parse_dsn("u:p@tcp([::1]:3307)/db").host, parse_dsn("u:p@tcp([::1]:3307)/db").port) == ("::1", 3307)
    assert (parse_redis("redis://[::1]:7/3").host, parse_redis("redis://[::1]:7/3").database) == ("::1", "3")
    for wrong in ("redis://host:99999", "redis://host/x", "mysql://host:0/db", "redis://host:1/0#x"):
        with pytest.raises(ValueError, match=r"\w"):
            (parse_dsn if wrong.startswith("mysql") else parse_redis)(wrong)


def test_sentinels_are_hosts_before_a_name() -> None:
    """Each sentinel has its own port or 26379; the login of the address is for Redis, and options give the login for
    the sentinels."""
    address = parse_redis("redis+sentinel://u:p%40@a:1,[::2]:3,c/queue/2?sentinel_user=s&sentinel_password=t")
    assert address.sentinels == (("a", 1), ("::2", 3), ("c", 26379))
    assert (address.service, address.user, address.password, address.database) == ("queue", "u", "p@", "2")
    assert (address.sentinel_user, address.sentinel_password, address.tls) == ("s", "t", None)
    assert parse_redis("rediss+sentinel://a/queue").tls is not None


def test_nodes_of_a_cluster_are_hosts() -> None:
    """Each node of a cluster has its own port or 6379, and the only database is 0."""
    address = parse_redis("redis+cluster://u:p%40@a:1,[::2]:3,c")
    assert address.nodes == (("a", 1), ("::2", 3), ("c", 6379))
    assert (address.user, address.password, address.tls, address.sentinels) == ("u", "p@", None, ())
    assert parse_redis("redis+cluster://a/0").nodes == (("a", 6379),)
    assert parse_redis("rediss+cluster://a").tls == tls.Tls()


@pytest.mark.parametrize(("wrong", "why"), [
    ("redis+sentinel://a,b", "needs the name"),
    ("redis+sentinel://a,,b/queue", "host:port,host:port"),
    ("redis+sentinel://a:70000/queue", "70000 is not a port"),
    ("redis+sentinel://a/queue/x", "the database of a Redis address must be a number"),
    ("redis+sentinel://:p-4711-p@a/queue?quorum=2", "unknown"),
    ("redis+cluster://:p-4711-p@a,b/1", "a Redis Cluster has only the database 0"),
    ("redis+cluster://:p-4711-p@a,,b", "nodes of a cluster are host:port,host:port"),
    ("redis+cluster://", "nodes of a cluster are host:port,host:port"),
    ("rediss+cluster://a/queue", "the database of a Redis address must be a number"),
    ("redis+cluster://a?sentinel_user=x", "unknown"),
    ("rediss+cluster://a?tls=preferred", "either on or off"),
    ("redis://:p-4711-p@a,b/0", "redis\\+cluster://host,host"),
])  # fmt: skip
def test_a_group_that_cannot_be_is_refused(wrong: str, why: str) -> None:
    """An invalid address of several hosts is refused with one line that does not contain the password."""
    with pytest.raises(ValueError, match=why) as refused:
        parse_redis(wrong)
    assert _SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)
