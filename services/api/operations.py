"""Operations: serves `/operations`, which shows what became of a write."""

from typing import Annotated

from fastapi import FastAPI, Path
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.api import openapi
from holdfast.services.api.ids import canonical
from holdfast.services.api.view import View
from holdfast.shared.errors import OperationNotFound
from holdfast.shared.http.envelope import success


def add_routes(app: FastAPI, view: View) -> None:
    """Add the route under `/operations`."""

    @app.get("/operations/{operation_id}", **openapi.operation())
    async def read_operation(
        request: Request, operation_id: Annotated[str, Path(json_schema_extra={"format": "uuid"})]
    ) -> Response:
        known = canonical(operation_id)
        found = await view.operation(known) if known else None
        if found is None:
            raise OperationNotFound(
                details={"field": "operation_id", "value": operation_id[:100], "constraint": "must exist"}
            )
        headers = {} if found["done"] else {"Retry-After": "1"}
        return success(request, found, headers=headers)
