"""A client for Holdfast: safe retries, waits with a time limit, and copies that are marked as copies. Start with
`Client` or `AsyncClient`."""

from holdfast_client.aio import AsyncClient as AsyncClient
from holdfast_client.aio import AsyncResource as AsyncResource
from holdfast_client.errors import *  # noqa: F403 - all of them
from holdfast_client.models import *  # noqa: F403 - all of them
from holdfast_client.retries import RetryBudget as RetryBudget
from holdfast_client.retries import RetryPolicy as RetryPolicy
from holdfast_client.sync import Client as Client
from holdfast_client.sync import Resource as Resource
