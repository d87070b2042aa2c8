"""Desk: the services that pages ask; the same objects that the REST routes ask."""

from dataclasses import dataclass

from holdfast.services.dlq_admin.alerts.alerts import Alerts
from holdfast.services.dlq_admin.allowances import Allowances
from holdfast.services.dlq_admin.dashboards.pictures import Pictures
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.discards import Discards
from holdfast.services.dlq_admin.edits import Edits
from holdfast.services.dlq_admin.exchange import Exchange
from holdfast.services.dlq_admin.groups import Groups
from holdfast.services.dlq_admin.letters import Letters
from holdfast.services.dlq_admin.overview import Overview
from holdfast.services.dlq_admin.replays import Replays
from holdfast.services.dlq_admin.requests import Requests
from holdfast.services.dlq_admin.what_if import WhatIfs
from holdfast.services.dlq_admin.writers import Writers


@dataclass(frozen=True, slots=True)
class Desk:
    """All of them."""

    overview: Overview
    groups: Groups
    letters: Letters
    discards: Discards
    what_ifs: WhatIfs
    edits: Edits
    replays: Replays
    exchange: Exchange
    database: Database
    requests: Requests
    pictures: Pictures
    alerts: Alerts
    allowances: Allowances
    writers: Writers
