"""Users: checks that the api serves the users which scenarios, experiments, load and demonstrations write and read."""

from deploy.client.request import bearer, request
from deploy.local.output import Problem

_FOR_BOTH = "from holdfast.shared.domain.users import User, in the module that HOLDFAST_DOMAIN names; then make up"


def check_users(api: str, key: str = "") -> None:
    """Raise Problem if the api certainly has no users, because it serves other resources only."""
    response = request(api, "GET", "/users?limit=1", headers=bearer(key))
    error = response.body.get("error") if isinstance(response.body, dict) else None
    if response.status == 404 and isinstance(error, dict) and error.get("code") == "PATH_NOT_FOUND":
        raise Problem("this command needs the resource users, which the stack does not serve", _FOR_BOTH)
