"""Logs: structured lines, as JSON for machines or as columns for a terminal. Never personal data, never a secret."""

import logging
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import structlog

from holdfast.shared.telemetry.log_lines import LogLines


class Action(StrEnum):
    """Every `action` of a log line or of a note in an explanation."""

    SERVICE_STARTED = "service_started"
    SETTING_REFUSED = "setting_refused"
    SETTINGS_IGNORED = "settings_ignored"
    SERVICE_STOPPED = "service_stopped"
    LOOP_CRASHED = "loop_crashed"
    LOOP_FAILING = "loop_failing"
    LOOP_RECOVERED = "loop_recovered"
    LOOPS_LEFT_RUNNING = "loops_left_running"
    OPEN_TO_ALL = "open_to_all"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    KEYS_READ = "keys_read"
    LOGGED_IN = "logged_in"
    LOGIN_REFUSED = "login_refused"
    KEYS_UNREADABLE = "keys_unreadable"
    PANIC_RECOVERED = "panic_recovered"
    AUDIT_SEALED = "audit_sealed"
    BACKPRESSURE_MOVED = "backpressure_moved"
    ACCEPTANCE_FAILED = "acceptance_failed"
    WRITE_REJECTED = "write_rejected"
    WRITE_DEAD_LETTERED = "write_dead_lettered"
    WRITE_UNKNOWN = "write_unknown"
    ATTEMPT_FAILED = "attempt_failed"
    BATCH_FAILED = "batch_failed"
    BATCH_SPLIT = "batch_split"
    BATCH_HELD = "batch_held"
    DATABASE_HOST_CHANGED = "database_host_changed"
    CONTROL_WRITE_FAILED = "control_write_failed"
    CONTROL_WRITE_WORKED = "control_write_worked"
    WRITER_HALTED = "writer_halted"
    WRITER_WENT_ON = "writer_went_on"
    CONSUMER_RESTARTED = "consumer_restarted"
    CONSUMER_REMOVED = "consumer_removed"
    ENTRIES_RECLAIMED = "entries_reclaimed"
    ENTRIES_LOST = "entries_lost"
    ENTRIES_TAKEN_AWAY = "entries_taken_away"
    GROUP_RECREATED = "group_recreated"
    ORPHANS_ADOPTED = "orphans_adopted"
    LETTER_UNINDEXABLE = "letter_unindexable"
    LETTERS_PURGED = "letters_purged"
    LETTERS_DUE = "letters_due"
    REPLAY_TAKEN = "replay_taken"
    REPLAY_STOPPED = "replay_stopped"
    REPLAY_LAPSED = "replay_lapsed"
    REPLAY_ENTRIES_LOST = "replay_entries_lost"
    REPLAY_FAILED = "replay_failed"
    REPLAY_ENDED = "replay_ended"
    ANNOTATION_FAILED = "annotation_failed"
    HISTORY_PURGED = "history_purged"
    LEDGER_MOVED = "ledger_moved"
    DURABILITY_MOVED = "durability_moved"
    UNIQUENESS_MOVED = "uniqueness_moved"
    QUEUE_EPOCH_BEGAN = "queue_epoch_began"
    FAULT_ANNOUNCED = "fault_announced"
    FAULT_ENDED = "fault_ended"
    RECOVERY_MEASURED = "recovery_measured"
    ANNOUNCEMENT_UNREADABLE = "announcement_unreadable"
    FAILURES_UNREADABLE = "failures_unreadable"
    ALERT_FIRED = "alert_fired"
    ALERT_OVER = "alert_over"
    DASHBOARD_UNREADABLE = "dashboard_unreadable"
    STREAM_MENDED = "stream_mended"
    CONFIG_CHANGED = "config_changed"
    CONFIG_REFUSED = "config_refused"
    BREAKER_MOVED = "breaker_moved"
    BREAKER_OVERRIDDEN = "breaker_overridden"
    OVERRIDE_ORDERED = "override_ordered"
    ORDER_UNREADABLE = "order_unreadable"
    AUDIT_FAILED = "audit_failed"
    BREAKER_CALLBACK_FAILED = "breaker_callback_failed"
    CALL_REFUSED = "call_refused"
    CALL_FAILED = "call_failed"
    RETRIED = "retried"
    RETRY_SUPPRESSED = "retry_suppressed"
    RATE_COUNTED = "rate_counted"
    RATE_LIMITED = "rate_limited"
    REQUEST_SHED = "request_shed"
    FALLBACK_SERVED = "fallback_served"
    NO_COPY = "no_copy"
    WRITE_ANSWERED = "write_answered"
    WRITE_NOT_TAKEN = "write_not_taken"
    WRITE_DIRECT = "write_direct"
    WRITES_HELD_BACK = "writes_held_back"
    WRITE_WAITED_FOR = "write_waited_for"
    PROXY_ANSWERED = "proxy_answered"
    ERROR_ANSWERED = "error_answered"
    TRACES_LOST = "traces_lost"
    TRACES_SENT_AGAIN = "traces_sent_again"


def configure(service: str, level: str, style: str) -> None:
    """Send all logs, including those of libraries, to stdout. `style`: `json`, `console`, or `auto` (console on a
    terminal)."""
    console = style == "console" or (style == "auto" and sys.stdout.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"service": service, **event},
        structlog.processors.format_exc_info,
    ]
    render: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = LogLines(sys.stdout.fileno())
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=render)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)


def info(action: Action, **fields: Any) -> None:
    """Log something expected."""
    structlog.get_logger().info(action.value, action=action.value, **fields)


def started(ignored: Sequence[str], **fields: Any) -> None:
    """Log that a service has started, and the names of the settings that it ignores."""
    info(Action.SERVICE_STARTED, **fields)
    if ignored:
        warning(Action.SETTINGS_IGNORED, settings=ignored)


def stopped(**fields: Any) -> None:
    """Log that a service has stopped, and wait at most a second until the line is written."""
    info(Action.SERVICE_STOPPED, **fields)
    for handler in logging.getLogger().handlers:
        handler.flush()


def warning(action: Action, **fields: Any) -> None:
    """Log something unexpected that was handled."""
    structlog.get_logger().warning(action.value, action=action.value, **fields)


def error(action: Action, *, exc: BaseException | None = None, **fields: Any) -> None:
    """Log something that a person has to look at, with a traceback if `exc` is given."""
    structlog.get_logger().error(action.value, action=action.value, exc_info=exc, **fields)
