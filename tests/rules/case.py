"""Case: the series that Prometheus sees, and exactly the alerts that fire then. Time begins at 0, the fault at
`Scene.fault_s`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.rules.profile import Profile, seconds


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fires: its name without the prefix, and its labels besides those that the rule adds.

    `value`: the alert's value as its texts show it. If it is empty, the texts are not compared. `names`: the names that
    the texts list.
    """

    alert: str
    labels: Mapping[str, str] = field(default_factory=dict)
    value: str = ""
    names: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """A case. `series`: series in addition to, or in place of, those of a quiet day; None removes one. `moments`:
    second -> all alerts that fire, besides the Watchdog. `nearly`: alerts that are close to firing and must not."""

    name: str
    series: Mapping[str, str | None]
    moments: Mapping[int, tuple[Firing, ...]]
    nearly: tuple[str, ...] = ()
    #: Seconds between samples, if not the profile's.
    every_s: int = 0


class Scene:
    """Time series in promtool's notation, for one profile. Rates are per second, times in seconds."""

    def __init__(self, profile: Profile, every_s: int = 0) -> None:
        self.profile = profile
        self.every_s = every_s or seconds(profile.interval)
        #: When the fault begins, after a quiet while.
        self.fault_s = 6 * self.every_s
        #: Long enough after the begin for every alert about a lasting fault to fire.
        self.late_s = self.fault_s + 28 * self.every_s
        self.end_s = self.fault_s + 260 * self.every_s

    def steady(self, value: float) -> str:
        """Return a gauge that does not change."""
        return f"{value:g}x{self._samples(self.end_s)}"

    def then(self, before: float, after: float, for_s: int = 0) -> str:
        """Return a gauge that changes at the fault, for good, or for `for_s` seconds."""
        if not for_s:
            return f"{before:g}x{self._samples(self.fault_s) - 1} {after:g}x{self._samples(self.end_s - self.fault_s)}"
        rest = self.end_s - self.fault_s - for_s
        return (
            f"{before:g}x{self._samples(self.fault_s) - 1} {after:g}x{self._samples(for_s) - 1}"
            f" {before:g}x{self._samples(rest)}"
        )

    def rate(self, before: float, after: float | None = None) -> str:
        """Return a counter that grows, from the fault on at another pace."""
        ahead, later = before * self.every_s, (before if after is None else after) * self.every_s
        count = self._samples(self.fault_s)
        return f"0+{ahead:g}x{count} {ahead * count + later:g}+{later:g}x{self._samples(self.end_s - self.fault_s)}"

    def jump(self, by: float, times: int = 1) -> str:
        """Return a counter that stays at 0 and jumps when the fault begins, `times` times, at every fourth sample."""
        levels = " ".join(f"{by * number:g}x3" for number in range(1, times))
        return f"0x{self._samples(self.fault_s) - 1} {levels} {by * times:g}x{self._samples(self.end_s)}"

    def now(self) -> str:
        """Return a timestamp that is always fresh."""
        return f"0+{self.every_s}x{self._samples(self.end_s)}"

    def frozen(self) -> str:
        """Return a timestamp that is fresh until the fault and then stays."""
        return f"0+{self.every_s}x{self._samples(self.fault_s)} {self.fault_s}x{self._samples(self.end_s)}"

    def held(self, for_s: int) -> str:
        """Return a timestamp that is fresh until `for_s` seconds after the fault and then stays."""
        at_s = self.fault_s + for_s
        return f"0+{self.every_s}x{self._samples(at_s)} {at_s}x{self._samples(self.end_s)}"

    def behind(self, by_s: int) -> str:
        """Return a timestamp that is always `by_s` seconds old."""
        return f"{-by_s}+{self.every_s}x{self._samples(self.end_s)}"

    def _samples(self, length_s: int) -> int:
        return length_s // self.every_s


REQUESTS = 'holdfast_http_request_duration_seconds_count{job="api",instance="api",route="%s",outcome="%s"}'
GOOD = REQUESTS % ("/users", "good")
FAILED = REQUESTS % ("/users", "failed")
OLDEST = 'holdfast_stream_oldest_timestamp_seconds{job="dlq_admin",instance="dlq_admin",stream="%s"}'
ENTRIES = 'holdfast_stream_entries{job="dlq_admin",instance="dlq_admin",stream="writes"}'
APPLIED = 'holdfast_outcomes_total{job="writer",instance="%s",outcome="Applied"}'
HOLDING = 'holdfast_holding{job="writer",instance="writer-0",dependency="database"}'
HEARTBEAT = 'holdfast_heartbeat_timestamp_seconds{job="%s",instance="%s",stage="%s"}'
COMMITTED = HEARTBEAT % ("writer", "writer-0", "committed")
PROBE = 'holdfast_probe_last_success_timestamp_seconds{job="dlq_admin",instance="dlq_admin",probe="%s"}'
LOOK_S = 'holdfast_probe_duration_seconds{job="dlq_admin",instance="dlq_admin",probe="%s"}'
BREAKER = 'holdfast_breaker_state{job="api",instance="%s",breaker="database",state="%s"}'
MOVES = 'holdfast_breaker_transitions_total{job="api",instance="%s",breaker="database",to="%s"}'
ATTEMPTS = 'holdfast_attempts_total{job="external_proxy",instance="p",dependency="third_party",attempt="%s"}'
EPOCHS = 'holdfast_queue_epochs_total{job="dlq_admin",instance="dlq_admin",cause="%s"}'
RECREATED = 'holdfast_groups_recreated_total{job="writer",instance="writer-0"}'
LOST = 'holdfast_entries_lost_total{job="writer",instance="writer-0"}'
ORPHANS = 'holdfast_orphans_total{job="writer",instance="writer-0",stream="writes"}'
UNREAD = 'holdfast_stream_trimmed_unread_entries{job="dlq_admin",instance="dlq_admin",stream="writes"}'
MISSING = 'holdfast_ledger_missing_writes{job="dlq_admin",instance="dlq_admin"}'
DURABILITY = 'holdfast_durability_reduced{job="dlq_admin",instance="dlq_admin",store="queue",setting="%s"}'
UNIQUENESS = 'holdfast_uniqueness_lost{job="dlq_admin",instance="dlq_admin",table="users",columns="email_key"}'
REWRITE = 'holdfast_queue_unrewritten_bytes{job="dlq_admin",instance="dlq_admin"}'
HALTED = 'holdfast_writer_halted{job="writer",instance="%s"}'
DEAD = 'holdfast_dead_letters_total{job="writer",instance="%s",reason="invalid_data"}'
LETTERS_OLDEST = 'holdfast_dead_letters_oldest_timestamp_seconds{job="dlq_admin",instance="dlq_admin"}'
LETTERS_OPEN = 'holdfast_dead_letters_open{job="dlq_admin",instance="dlq_admin"}'
REFUSED = 'holdfast_loop_failures_total{job="writer",instance="%s",loop="settle",kind="refused"}'
CRASHES = 'holdfast_loop_crashes_total{job="dlq_admin",instance="%s",loop="indexer"}'
FAULT_ACTIVE = 'holdfast_fault_active{job="dlq_admin",instance="dlq_admin",fault="%s",target="database"}'
FAULT_END = (
    'holdfast_fault_last_end_timestamp_seconds{job="dlq_admin",instance="dlq_admin",fault="%s",target="database"}'
)
UP_API = 'up{job="api",instance="api"}'
UP_WRITER = 'up{job="writer",instance="writer-0"}'
MYSQL_UP = 'mysql_up{job="mysql",instance="mysql"}'
QUEUE_UP = 'redis_up{job="redis",instance="queue"}'


def quiet_day(scene: Scene) -> dict[str, str]:
    """Return the series of normal traffic without faults."""
    return {
        'holdfast_build_info{job="api",instance="api",build="1"}': scene.steady(1),
        GOOD: scene.rate(50),
        FAILED: scene.rate(0),
        OLDEST % "writes": scene.now(),
        OLDEST % "dead_letters": scene.now(),
        ENTRIES: scene.steady(3),
        APPLIED % "writer-0": scene.rate(20),
        HOLDING: scene.steady(0),
        HEARTBEAT % ("api", "api", "accepted"): scene.now(),
        COMMITTED: scene.now(),
        PROBE % "queue": scene.now(),
        PROBE % "ledger": scene.now(),
        LOOK_S % "queue": scene.steady(0),
        LOOK_S % "ledger": scene.steady(0),
        BREAKER % ("api", "closed"): scene.steady(1),
        BREAKER % ("api", "half_open"): scene.steady(0),
        BREAKER % ("api", "open"): scene.steady(0),
        MOVES % ("api", "open"): scene.rate(0),
        MOVES % ("api", "closed"): scene.rate(0),
        ATTEMPTS % "first": scene.rate(10),
        ATTEMPTS % "again": scene.rate(0.2),
        LOST: scene.rate(0),
        RECREATED: scene.rate(0),
        EPOCHS % "went_back": scene.rate(0),
        EPOCHS % "moved": scene.rate(0),
        UNREAD: scene.steady(0),
        MISSING: scene.steady(0),
        HALTED % "writer-0": scene.steady(0),
        DEAD % "writer-0": scene.rate(0),
        LETTERS_OLDEST: scene.now(),
        LETTERS_OPEN: scene.steady(0),
        UP_API: scene.steady(1),
        UP_WRITER: scene.steady(1),
        MYSQL_UP: scene.steady(1),
        QUEUE_UP: scene.steady(1),
    }
