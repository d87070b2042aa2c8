"""The ceiling: validates and answers, and stores nothing."""

from fastapi import FastAPI

from tests.bench.contestants.bodies import UserBody, UserShown

app = FastAPI()

_MOMENT = "2026-01-15T10:30:00.123456Z"
_USER = UserShown(
    id="0" * 36, name="User 000000000", email="user.000000000@mail00.example.com", created_at=_MOMENT,
    updated_at=_MOMENT, version=1_768_473_000_123_456,
)  # fmt: skip


@app.post("/users", status_code=202)
async def create(user: UserBody) -> UserBody:
    """Return what was sent: the cost of FastAPI alone."""
    return user


@app.get("/users/{user_id}")
async def read(user_id: str) -> UserShown:
    """Return a constant user."""
    return _USER


@app.get("/users")
async def read_page(limit: int = 50) -> list[UserShown]:
    """Return constant users."""
    return [_USER] * limit
