"""Models: groups of answers that were not good."""

from pydantic import Field

from holdfast.services.dlq_admin.failures.beginnings import Kind as BeginningKind
from holdfast.services.dlq_admin.failures.trend import Trend
from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel
from holdfast.shared.http.failures.group import Trouble


class Began(ResponseModel):
    """Something that began when the group's episode did. `before_s`: seconds before the episode; negative: after it."""

    kind: BeginningKind
    what: str
    at: Moment
    before_s: float


class FailureGroup(ResponseModel):
    """Answers that were not good in the same way."""

    route: str
    method: str
    trouble: Trouble
    type: str
    code: str
    dependency: str
    build: str
    count: Count = Field(description="Number of answers in the requested minutes.")
    per_min: float = Field(description="Answers per minute over the last five minutes.")
    trend: Trend
    minutes: list[Count] = Field(
        description="Number of answers in each requested minute; the current minute is the last."
    )
    first_at: Moment
    last_at: Moment
    began_at: Moment = Field(description="When the current episode of such answers began.")
    clients: Count = Field(description="Number of different clients; exact below 64, estimated from there on.")
    retried: Count = Field(description="Number of requests that their clients retried.")
    helped: Count = Field(description="Number of retried requests that were then answered well, or from a copy.")
    samples: list[str] = Field(description="Ids of the newest requests; `/requests/{id}` explains them.")
    explained: bool = Field(description="Whether explanations of the newest requests are still kept.")
    began_with: list[Began]


class FailureReport(ResponseModel):
    """The groups, largest first. `left_out`: answers of kinds for which a replica had no room."""

    groups: list[FailureGroup]
    minutes: int
    replicas: list[str]
    left_out: Count
