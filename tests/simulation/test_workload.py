"""Clients draw requests that the api takes, the same ones for the same seed."""

from random import Random

import orjson

from deploy.client.connections import Response
from tests.simulation.draw import draw
from tests.simulation.kinds import log_uniform
from tests.simulation.workload import Client, Known, Recorder, Request

_PORTS = {"api-1": 8080, "proxy-1": 8081}


class _Silent(Recorder):
    def invoked(self, who: str, api: str, request: Request) -> int:
        """Record nothing."""
        return 0

    def ended(self, number: int, response: Response) -> None:
        """Record nothing."""


def _client(number: int, seed: int, known: Known) -> Client:
    plan = draw(seed)
    return Client(number, seed, plan.mix, plan.pause_s, _PORTS, known, _Silent())


def test_a_client_draws_the_same_again() -> None:
    """A client draws the same requests for the same seed, whatever other clients there are; another client draws
    others."""
    requests = [[_client(number, 5, Known()).draw() for _ in range(30)] for number in (0, 1, 0)]
    assert requests[0] == requests[2] != requests[1]


def test_requests_are_as_the_api_takes_them() -> None:
    """Over many mixes, every method is used, bodies are JSON objects with known fields, and no body is empty."""
    methods = set()
    for seed in range(60):
        known = Known()
        client = _client(0, seed, known)
        for number in range(20):
            request = client.draw()
            methods.add(request.method)
            assert set(request.body or ()) <= {"name", "email", "order"}
            assert orjson.dumps(request.body)
            assert request.body != {}
            answer = {"data": {"id": f"user-{number}", "operation_id": f"op-{number}"}, "meta": {"version": number}}
            client._own.learn(request, answer)
            known.learn(request, answer)
    assert methods == {"GET", "POST", "PUT", "PATCH", "DELETE"}


def test_small_numbers_are_drawn_as_often_as_large_ones() -> None:
    """Numbers are drawn evenly on a logarithmic scale, within their bounds."""
    chance = Random(1)
    drawn = [log_uniform(chance, 0.1, 10) for _ in range(2000)]
    assert all(0.1 <= each <= 10 for each in drawn)
    assert 800 < sum(each < 1 for each in drawn) < 1200
