"""Check: is the running system what docker-compose.yml says, and does it lose nothing while replicas come and go? Each
check returns what it saw, and raises Problem when that is wrong. The traffic is safe to retry and never retried, so
every request that is lost on the way is counted; a refusal by a busy api is no loss."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from deploy.client.generator import Run
from deploy.client.outcome import ANSWERED, Outcome
from deploy.client.plan import Plan, parse
from deploy.client.session import Background
from deploy.compose.built_upon import built_upon
from deploy.compose.confined import faults
from deploy.local.output import Problem
from deploy.stacks.engine import address, compose, containers, docker, inside, service_of, wait_for, wait_healthy

_PER_S = 60.0
#: The traffic has to notice a loss, not to overload what is left of the system.
_IN_FLIGHT_MAX = 8
_TIMEOUT_S = 20.0
#: Errors of the proxy itself: it found no replica, or lost the response.
_LOST = {"NO_REPLICA", "ANSWER_LOST"}


@dataclass(slots=True)
class Counted:
    """The results of the requests. `lost`: by reason."""

    good: int = 0
    refused: int = 0
    lost: Counter[str] = field(default_factory=Counter)


def traffic(address: str) -> Background:
    """Send traffic to `host:port` while the context lasts."""
    plan = Plan(
        f"http://{address}",
        _PER_S,
        mix=parse("lists=1,writes=1"),
        in_flight_max=_IN_FLIGHT_MAX,
        timeout_s=_TIMEOUT_S,
        follow_per_s=0,
        users=0,
    )
    return Background(plan)


def counted(run: Run) -> Counted:
    """Return the results of the requests so far."""
    seen = Counted()
    for sample in run.samples:
        if sample.outcome in ANSWERED:
            seen.good += 1
        elif sample.outcome is Outcome.UNANSWERED or sample.code in _LOST:
            seen.lost[sample.code] += 1
        else:
            seen.refused += 1
    return seen


_APIS, _WRITERS = 3, 4
_LOAD_S = 10.0
_KILLED = 137
_ONCE = {"secrets", "migrate", "rights"}
#: Services that have work to finish when they are stopped.
_GRACEFUL = {"haproxy", "api", "writer", "external_proxy", "dlq_admin", "mysql", "queue"}
_CONNECT = "import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
#: (from, to, port) of connections that must be impossible.
_WALLS = (
    ("api", "prometheus", 9090),
    ("api", "grafana", 3000),
    ("external_proxy", "mysql", 3306),
    ("external_proxy", "prometheus", 9090),
    ("writer", "alertmanager", 9093),
    ("third_party", "queue", 6379),
)


def healthy() -> str:
    """Everything runs."""
    services = set(compose("config", "--services").split()) - _ONCE
    if absent := services - {service_of(each) for each in containers()}:
        raise Problem(f"{', '.join(sorted(absent))} not running", "make docker-run")
    wait_healthy(sorted(services))
    return f"{len(services)} services"


def confined() -> str:
    """Nothing runs as root, writes where it should not, has capabilities, or lacks limits."""
    found = containers(running_only=False)
    wrong = [f"{service_of(each)} {fault}" for each in found for fault in faults(service_of(each), each)]
    if wrong:
        raise Problem("; ".join(wrong))
    return f"{len(found)} containers"


def walled() -> str:
    """Services that have no need to reach each other cannot."""
    running = {service_of(each) for each in containers()}
    walls = [wall for wall in _WALLS if wall[0] in running]
    for source, target, port in walls:
        try:
            inside(source, "python", "-c", _CONNECT, target, str(port))
        except Problem:
            continue
        raise Problem(f"{source} reaches {target}:{port}")
    return ", ".join(f"{source} -/- {target}" for source, target, _ in walls)


def scaled() -> str:
    """More replicas: HAProxy and Prometheus find them."""
    _scale(_APIS, _WRITERS)

    def missing() -> str:
        seen = _targets()
        return "" if (seen["api"], seen["writer"]) == (_APIS, _WRITERS) else f"Prometheus finds up: {dict(seen)}"

    wait_for(missing, 60)
    return f"{_APIS} apis, {_WRITERS} writers"


def killed() -> str:
    """Under load, a replica is killed: no request that may be retried safely is lost."""
    with traffic(address("haproxy", 8080)) as load:
        time.sleep(_LOAD_S / 3)
        docker("kill", str(containers("api")[0]["Id"]))
        time.sleep(_LOAD_S * 2 / 3)
    _scale(_APIS, _WRITERS)
    return _nothing_lost(load.run)


def scaled_down() -> str:
    """Replicas are stopped in good order under load: the same."""
    with traffic(address("haproxy", 8080)) as load:
        time.sleep(_LOAD_S / 3)
        _scale(1, 1)
        time.sleep(_LOAD_S / 3)
    return _nothing_lost(load.run)


def stopped_and_started() -> str:
    """Everything is stopped under load, in whatever state it is, and started again."""
    with traffic(address("haproxy", 8080)) as load:
        time.sleep(_LOAD_S / 3)
        before = {service_of(each) for each in containers()}
        began = time.monotonic()
        compose("stop")
    took_s = time.monotonic() - began
    ended = {service_of(each): each["State"]["ExitCode"] for each in containers(*_GRACEFUL, running_only=False)}
    killed = [service for service, code in ended.items() if code == _KILLED]
    compose("up", "--detach", "--no-build")
    wait_healthy(sorted(before))
    if killed:
        raise Problem(f"had to be killed: {', '.join(killed)}")
    return f"stopped in {took_s:.0f} s; {counted(load.run).good} requests before"


def balanced() -> str:
    """Every accepted write is accounted for."""
    table = inside("dlq_admin", "python", "-m", "holdfast.services.dlq_admin", "ledger")
    return next(line for line in table.splitlines() if line.startswith("missing"))


CHECKS: tuple[Callable[[], str], ...] = (
    healthy,
    confined,
    walled,
    scaled,
    killed,
    scaled_down,
    balanced,
    stopped_and_started,
    balanced,
    built_upon,
)


def _scale(apis: int, writers: int) -> None:
    compose("up", "--detach", "--no-build", "--no-recreate", "--scale", f"api={apis}", "--scale", f"writer={writers}")

    def missing() -> str:
        seen = Counter(service_of(each) for each in containers("api", "writer"))
        short = seen != Counter(api=apis, writer=writers)
        return f"there are {dict(seen)}" if short else ""

    wait_for(missing, 60)
    wait_healthy(["api", "writer", "haproxy"])
    wait_for(lambda: "" if _in_use() == apis else f"HAProxy uses {_in_use()} of {apis} apis", 20)


def _targets() -> Counter[str]:
    """Return job -> the number of its targets that Prometheus reaches now."""
    found = json.loads(_fetched("dlq_admin", "http://prometheus:9090/api/v1/targets?state=active"))
    return Counter(each["labels"]["job"] for each in found["data"]["activeTargets"] if each["health"] == "up")


def _in_use() -> int:
    """Return the replicas of the api that HAProxy considers healthy."""
    lines = _fetched("external_proxy", "http://haproxy:8405/metrics").splitlines()
    up = [line for line in lines if line.startswith("haproxy_server_status{") and 'state="UP"' in line]
    return sum(line.endswith(" 1") for line in up)


def _fetched(service: str, url: str) -> str:
    """Return the response to a GET from inside a service that may reach `url`."""
    read = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=10).read().decode())"
    return inside(service, "python", "-c", read, url)


def _nothing_lost(run: Run) -> str:
    seen = counted(run)
    if seen.lost or seen.good <= seen.refused:
        raise Problem(f"{seen.good} good, {seen.refused} refused, lost: {dict(seen.lost.most_common(5))}")
    return f"{seen.good} good, {seen.refused} refused by a busy api, none lost"
