"""The ceiling of accepting: validate, answer, keep nothing."""

from fastapi import FastAPI

from tests.bench.contestants.bodies import UserBody

app = FastAPI()


@app.post("/users", status_code=202)
async def create(user: UserBody) -> UserBody:
    """What FastAPI alone costs."""
    return user
