"""Config routes: serves `/config`, where operators change the configuration at run time. A change is validated as a
whole, has a version and a reason, and may end by itself."""

import time
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.external_proxy import openapi
from holdfast.services.external_proxy.bodies import ConfigAsked, ConfigReverted
from holdfast.services.external_proxy.config import Config
from holdfast.services.external_proxy.live import Live
from holdfast.shared.errors import InvalidConfig
from holdfast.shared.http.body import read_body
from holdfast.shared.http.envelope import success
from holdfast.shared.http.etag import Conditions, conditions, etag
from holdfast.shared.http.keys import OPERATE, require
from holdfast.shared.runtime.documents import not_json, parse_sent
from holdfast.shared.runtime.problems import constraint_of
from holdfast.shared.runtime.timestamps import precise

Model = TypeVar("Model", bound=BaseModel)


def add_routes(app: FastAPI, live: Live, settings: Config) -> None:
    """Add the routes under `/config`. All of them need the scope `operate`."""

    @app.get("/config", **openapi.CONFIG)
    async def get_config(request: Request) -> Response:
        require(request, OPERATE)
        return _answer(request, live)

    @app.put("/config", **openapi.PUT_CONFIG)
    async def put_config(request: Request) -> Response:
        actor = require(request, OPERATE).name
        asked = _valid(ConfigAsked, await _document(request))
        # Missing values are taken from the settings, so that a document always means the same.
        whole = _merged(settings.model_dump(), asked.config)
        config = _valid(Config, whole)
        await live.put(config, for_s=asked.for_s, expected=_expected(request), actor=actor, reason=asked.reason)
        return _answer(request, live)

    @app.delete("/config", **openapi.DELETE_CONFIG)
    async def delete_config(request: Request) -> Response:
        actor = require(request, OPERATE).name
        reason = _valid(ConfigReverted, await _document(request)).reason
        await live.put(None, for_s=None, expected=_expected(request), actor=actor, reason=reason)
        return _answer(request, live)

    @app.get("/config/changes", **openapi.CHANGES)
    async def list_config_changes(request: Request) -> Response:
        require(request, OPERATE)
        return success(request, {"changes": await live.audit()})


def _answer(request: Request, live: Live) -> Response:
    change = live.change
    until = change.until if change and not change.over(time.time()) else None
    data = {
        "version": live.version,
        "config": live.config.model_dump(),
        "reverts_at": precise(datetime.fromtimestamp(until, UTC)) if until else None,
        "changed_by": change.actor if change else None,
        "changed_at": precise(datetime.fromtimestamp(change.at, UTC)) if change else None,
        "reason": change.reason if change else None,
        "store_answers": live.store_answers,
    }
    return success(request, data, headers={"ETag": etag(live.version)})


async def _document(request: Request) -> Any:
    try:
        return parse_sent(await read_body(request))
    except orjson.JSONDecodeError as error:
        raise not_json(error) from None


def _valid(model: type[Model], document: Any) -> Model:
    """Return the document as an instance of the model. Raises InvalidConfig, which lists every problem."""
    try:
        return model.model_validate_json(orjson.dumps(document))
    except ValidationError as error:
        wrong = [
            {"field": ".".join(map(str, one["loc"])) or None, "constraint": constraint_of(one)}
            for one in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise InvalidConfig(details={"errors": wrong}) from error


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `above`, completed from `below`. A fallback's default document is one value, and is not merged."""
    merged = dict(below)
    for name, value in above.items():
        nested = name in Config.model_fields and isinstance(value, dict) and isinstance(below.get(name), dict)
        merged[name] = below[name] | value if nested else value
    return merged


def _expected(request: Request) -> Conditions:
    """Return the request's conditions on the current version. Raises InvalidCondition."""
    return conditions(request.scope["headers"])
