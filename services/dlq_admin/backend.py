"""Backend: the functions that the console, REST and, through REST, the command line call."""

from dataclasses import dataclass

from redis.asyncio import Redis

from holdfast.services.dlq_admin.alerts.alerts import Alerts
from holdfast.services.dlq_admin.auditor.auditor import Auditor
from holdfast.services.dlq_admin.auditor.queue_memory import QueueMemory
from holdfast.services.dlq_admin.breakers import Breakers
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.fail_fast_queue import FailFastQueue
from holdfast.services.dlq_admin.failures.failures import Failures
from holdfast.services.dlq_admin.faults.board import FaultBoard
from holdfast.services.dlq_admin.letters.decisions import Allowances, Audit, Discards
from holdfast.services.dlq_admin.letters.edits import Edits
from holdfast.services.dlq_admin.letters.exchange import Exchange
from holdfast.services.dlq_admin.letters.groups import Groups
from holdfast.services.dlq_admin.letters.indexer import Indexer
from holdfast.services.dlq_admin.letters.outbox import Outbox
from holdfast.services.dlq_admin.letters.payload_search import PayloadSearch
from holdfast.services.dlq_admin.letters.retention import Retention
from holdfast.services.dlq_admin.letters.search import Letters
from holdfast.services.dlq_admin.letters.tried import Tried
from holdfast.services.dlq_admin.letters.undo import Undos
from holdfast.services.dlq_admin.letters.what_if import WhatIfs
from holdfast.services.dlq_admin.live.pictures import Pictures
from holdfast.services.dlq_admin.overview import Overview
from holdfast.services.dlq_admin.replays.keeper import Keeper
from holdfast.services.dlq_admin.replays.replays import Replays
from holdfast.services.dlq_admin.requests.explain import Requests
from holdfast.services.dlq_admin.requests.operation import OperationFinder
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.dlq_admin.writers import Running, Writers
from holdfast.shared.fleet.board import Board
from holdfast.shared.http.keys import Keys
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.queue.partitions import Partitions


@dataclass(frozen=True, slots=True)
class Rooms:
    """The connections and background components that the backend uses."""

    database: Database
    queue: Redis
    fail_fast_queue: FailFastQueue
    partitions: Partitions
    cache: Redis
    indexer: Indexer
    outbox: Outbox
    retention: Retention
    keeper: Keeper
    auditor: Auditor
    alerts: Alerts
    faults: FaultBoard
    pictures: Pictures
    board: Board


class Backend:
    """One object per topic. The docstring of each says what it answers or changes."""

    def __init__(self, rooms: Rooms, settings: DlqAdminSettings, keys: Keys) -> None:
        database, queue, partitions = rooms.database, rooms.fail_fast_queue, rooms.partitions
        rules = Rules(settings.dlq_approve_over, settings.dlq_approve_window_s)
        bulk_max, transform_max = settings.dlq_bulk_max, settings.dlq_transform_max
        running = Running(queue)
        self.audit = Audit(database)
        self.writers = Writers(queue, running, database)
        self.breakers = Breakers(rooms.board, queue)
        self.overview = Overview(
            database,
            queue,
            self.writers,
            rooms.indexer,
            rooms.retention,
            self.breakers,
            rooms.auditor.ledger,
            rooms.auditor.ledger_unread,
            partitions,
        )
        tried = Tried(rooms.cache)
        self.groups = Groups(database, running, tried)
        self.letters = Letters(database, queue, running, most=bulk_max, partitions=partitions)
        self.payload_search = PayloadSearch(database)
        self.discards = Discards(database, rooms.outbox, most=bulk_max, rules=rules)
        self.what_ifs = WhatIfs(database, tried, most=transform_max)
        self.edits = Edits(database, most=transform_max, rules=rules)
        self.undos = Undos(self.discards, self.edits, self.letters)
        self.replays = Replays(database, rooms.keeper, rooms.auditor.partitions_away, most=bulk_max, rules=rules)
        self.exchange = Exchange(database, import_max_bytes=settings.dlq_import_max_bytes)
        self.allowances = Allowances(database, rules, keys)
        self.requests = Requests(rooms.cache, OperationFinder(queue, database, partitions), settings.explain_keep_s)
        self.ledger, self.ledger_unread = rooms.auditor.ledger, rooms.auditor.ledger_unread
        self.queue_memory = QueueMemory(database)
        self.alerts = rooms.alerts
        self.faults = rooms.faults
        self.failures = Failures(
            rooms.cache, queue, rooms.board, rooms.faults, rooms.alerts, explain_keep_s=settings.explain_keep_s
        )
        self.pictures = rooms.pictures
