"""The common way to write: a session per request, one insert, one commit."""

import os
import uuid
from collections.abc import Iterator
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, FastAPI
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker

from holdfast.shared.connections.address import parse_dsn
from holdfast.shared.domain import users
from holdfast.shared.store.tables import table_of
from holdfast.shared.writes.versions import wall_clock
from tests.bench.contestants.bodies import UserBody

#: One connection for each of FastAPI's threads: with SQLAlchemy's default of 15, threads would wait for connections.
_AT = parse_dsn(os.environ["DB_DSN"])
_URL = sa.URL.create("mysql+pymysql", _AT.user, _AT.password, _AT.host, _AT.port, _AT.database)
engine = sa.create_engine(_URL, pool_size=40, max_overflow=0)
new_session = sessionmaker(engine)
app = FastAPI()


class Base(DeclarativeBase):
    """The base of the mapped classes."""


class User(Base):
    """A row of `users`."""

    __table__ = table_of(users.User.type)


def session() -> Iterator[Session]:
    """Yield one session for each request."""
    with new_session() as opened:
        yield opened


@app.post("/users", status_code=202)
def create(user: UserBody, db: Annotated[Session, Depends(session)]) -> UserBody:
    """Insert a user, who is in the database when the answer is sent."""
    now = wall_clock()
    db.add(
        User(
            id=str(uuid.uuid4()), name=user.name, name_version=now, email=user.email,
            email_key=users.email_key(user.email), email_version=now, created_version=now, deleted_version=0,
        )
    )  # fmt: skip
    db.commit()
    return user
