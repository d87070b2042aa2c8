"""The common way to read: a session per request, and one query."""

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy.orm import Session

from holdfast.shared.writes.versions import to_datetime
from tests.bench.contestants.bodies import UserShown
from tests.bench.contestants.sqlalchemy_insert import User, session

app = FastAPI()


def shown(user: Any) -> UserShown:
    """Return a user as the api shows it."""
    version = max(user.name_version, user.email_version)
    created_at, updated_at = (to_datetime(each).isoformat() for each in (user.created_version, version))
    return UserShown(
        id=user.id, name=user.name, email=user.email, created_at=created_at, updated_at=updated_at, version=version
    )


@app.get("/users/{user_id}")
def read(user_id: str, db: Annotated[Session, Depends(session)]) -> UserShown:
    """Read a user from the database, in one of FastAPI's threads."""
    user = db.get(User, user_id)
    if user is None:
        raise HTTPException(404)
    return shown(user)


@app.get("/users")
def read_page(db: Annotated[Session, Depends(session)], limit: int = 50) -> list[UserShown]:
    """Return the oldest users."""
    at = User.__table__.c
    query = sa.select(User).where(at.deleted_version == 0).order_by(at.created_version).limit(limit)
    return [shown(user) for user in db.scalars(query)]
