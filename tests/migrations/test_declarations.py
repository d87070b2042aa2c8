"""Tables follow the declarations: they are created and extended, and existing data stays."""

import os
import shutil
import subprocess
import sys
import types
from bisect import bisect_left
from pathlib import Path
from typing import Annotated, Any, get_origin

import pytest
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

from holdfast.shared.domain.field_types import Boolean, Integer, Text
from holdfast.shared.domain.resource import DeclarationError, Resource, Unique
from holdfast.shared.store.tables import table_of
from tests.conftest import ROOT, migrate
from tests.migrations.conftest import Schema
from tests.servers import START_DEADLINE_S

_HEAD = """
from typing import Annotated
from holdfast.shared.domain.field_types import Boolean, Integer, Moment, Slug, Text
from holdfast.shared.domain.resource import Backfill, Resource, Unique
"""
_FIRST = """
class Part(Resource, plural="parts"):
    number: Annotated[str, Slug(), Unique()]
    title: Annotated[str, Text(max_chars=200)]
    order: Annotated[int, Integer()]
    sold: Annotated[bool, Boolean()]
    price: Annotated[int, Integer()]
"""
#: Against the first: a longer text, a field that becomes optional, a field that is removed, and new fields. `order`
#: is a word of SQL.
_SECOND = """
class Part(Resource, plural="parts", removed=["price"]):
    number: Annotated[str, Slug(), Unique()]
    title: Annotated[str, Text(max_chars=20_000)]
    order: Annotated[int, Integer()] | None = None
    sold: Annotated[bool, Boolean()]
    code: Annotated[str, Text(max_chars=20), Unique()] | None = None
    made_by: Annotated[str, Text(max_chars=2000), Backfill("it's 100% \\\\ :ours")]
    added_at: Annotated[str, Moment()] | None = None
"""

#: A program that creates and changes parts, and passes the number of one to another.
_USE = """
import os
from holdfast.shared.domain.registry import domain
from holdfast.shared.store import reads
from holdfast.shared.store.apply import apply
from holdfast.shared.store.control import control_write
from holdfast.shared.store.engine import Timeouts, make_engine
from holdfast.shared.writes.commands import Create, Delete, Update, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.versions import wall_clock

engine = make_engine(os.environ["DB_DSN"], Timeouts(5, 5, 20, 5), 2)
control_write(engine)
parts = domain().by_plural["parts"]
old = reads.page(engine, parts, 0, 10).entities
print([each.shown() for each in old])
now = wall_clock()
values = [{field.name: field.type.unlikely(str(n) * 32) for field in parts.fields} for n in range(3)]
writes = [Create(parts, values[0]), Create(parts, values[1]), Create(parts, values[0]),
          Update(parts, {"title": values[2]["title"], "sold": True})]
batch = [Delivery(Write(f"{now}-{n}", f"{now}-{n % 3}", command, now + n), f"1-{n}")
         for n, command in enumerate(writes)]
print([str(each) for each in apply(engine, batch, lambda _: False, lambda _: None)])
print([each.shown()["sold"] for each in reads.page(engine, parts, now - 1, 10).entities])
apply(engine, [Delivery(Write(f"{now}-gone-{at}", each.id, Delete(parts), now + 10 + at), f"2-{at}")
               for at, each in enumerate(reads.page(engine, parts, now - 1, 10).entities)],
      lambda _: False, lambda _: None)
"""


def run(code: str, folder: Path, domain: str, dsn: str) -> str:
    """Return the output of a process with this domain."""
    environment = os.environ | {"DB_DSN": dsn, "HOLDFAST_DOMAIN": domain, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def upgrade(schema: Schema, folder: Path, source: str) -> str:
    """Declare parts like this, migrate, and return the domain's name."""
    domain = f"parts_{abs(hash(source))}"
    (folder / f"{domain}.py").write_text(_HEAD + source)
    migrate(schema.dsn, HOLDFAST_DOMAIN=domain, PYTHONPATH=str(folder))
    return domain


def check(schema: Schema, folder: Path, source: str) -> None:
    """Check that parts which are declared like this fit, without a migration."""
    domain = f"parts_{abs(hash(source))}"
    (folder / f"{domain}.py").write_text(_HEAD + source)
    code = "import sys; from holdfast.migrations.__main__ import main; sys.exit(main(['check']))"
    run(code, folder, domain, schema.dsn)


def _index_names(schema: Schema, table: str) -> set[object]:
    return {row[2] for row in schema.rows(f"SHOW INDEX FROM {table}")}


def test_a_declared_table_is_made_and_grows(schema: Schema, tmp_path: Path) -> None:
    """When a declaration changes, rows stay, new columns exist at once, and a removed field does no harm. A second
    migration changes nothing."""
    domain = upgrade(schema, tmp_path, _FIRST)
    assert run(_USE, tmp_path, domain, schema.dsn).splitlines() == ["[]", *run_of_a_life(schema)]
    schema.rows("INSERT INTO parts VALUES ('old', 'n-1', 'n-1', 5, 'Bolt', 5, 7, 5, 1, 5, 100, 5, 5, 0)")
    schema.rows("COMMIT")
    schema.rows("DROP INDEX parts_listed ON parts")
    schema.rows("CREATE INDEX parts_created_version ON parts (created_version)")  # as earlier builds had it
    domain = upgrade(schema, tmp_path, _SECOND)
    assert _index_names(schema, "parts") == {"PRIMARY", "parts_number_key", "parts_code_key", "parts_listed"}
    before = schema.rows("SHOW CREATE TABLE parts")
    there, *rest = run(_USE, tmp_path, domain, schema.dsn).splitlines()
    assert there == str([
        {"number": "n-1", "title": "Bolt", "order": 7, "sold": True, "code": None, "made_by": "it's 100% \\ :ours",
         "added_at": None}
    ])  # fmt: skip
    assert rest == run_of_a_life(schema)
    upgrade(schema, tmp_path, _SECOND)
    assert schema.rows("SHOW CREATE TABLE parts") == before


#: A program that creates a part, or changes a part of another build.
_TAKE_TURNS = """
import os, sys
from holdfast.shared.domain.registry import domain
from holdfast.shared.store import reads
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Timeouts, make_engine
from holdfast.shared.writes.commands import Create, Update, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.versions import wall_clock

engine = make_engine(os.environ["DB_DSN"], Timeouts(5, 5, 20, 5), 2)
parts, now = domain().by_plural["parts"], wall_clock()
known = [each.id for each in reads.page(engine, parts, 0, 10).entities if each.version]
values = {field.name: field.type.unlikely("1" * 32) for field in parts.fields}
command = Update(parts, {"title": "Turned"}) if known else Create(parts, values)
print(apply(engine, [Delivery(Write(str(now), "one", command, now), str(now))], lambda _: False, lambda _: None))
"""


def test_a_build_that_knows_a_field_reads_what_one_wrote_that_does_not(schema: Schema, tmp_path: Path) -> None:
    """Builds with and without a field read each other's rows, as in a rolling upgrade that removes the field, and after
    a rollback."""
    first, second = (upgrade(schema, tmp_path, source) for source in (_FIRST, _SECOND))
    for domain in (second, first, second):
        assert run(_TAKE_TURNS, tmp_path, domain, schema.dsn).startswith("[Applied(")
    assert schema.rows("SELECT title, price, price_version FROM parts") == (("Turned", None, 0),)


def test_a_build_that_does_not_know_a_field_leaves_its_value(schema: Schema, tmp_path: Path) -> None:
    """A field that a build does not know keeps its value when that build changes the row, as its writers do in a
    rolling upgrade while newer apis already set the field. A delete leaves no value of any field."""
    first, second = (upgrade(schema, tmp_path, source) for source in (_FIRST, _SECOND))
    for domain in (second, first):
        assert run(_TAKE_TURNS, tmp_path, domain, schema.dsn).startswith("[Applied(")
    assert schema.rows("SELECT title, code, code_key, made_by, code_version = created_version FROM parts") == (
        ("Turned", "1" * 20, "1" * 20, "1" * 32, 1),
    )
    deletes = _TAKE_TURNS.replace('Update(parts, {"title": "Turned"})', "Delete(parts)").replace("Update", "Delete")
    assert run(deletes, tmp_path, first, schema.dsn).startswith("[Applied(")
    assert schema.rows("SELECT title, code, code_key, code_version FROM parts") == (("", None, None, 0),)


def run_of_a_life(schema: Schema) -> list[str]:
    """Return what `_USE` prints of its writes, whose versions are in the table."""
    rows = schema.rows("SELECT version FROM operations WHERE command != 'DeletePart' ORDER BY version DESC LIMIT 4")
    fourth, _, second, first = (f"Applied(version={row[0]})" for row in rows)
    return [str([first, second, "Rejected(code='NUMBER_TAKEN', detail={})", fourth]), "[True, True]"]


_TITLE = "title: Annotated[str, Text(max_chars=200)]"
_PRICE = "    price: Annotated[int, Integer()]\n"
_NOTE = "    note: Annotated[str, Text(max_chars=9)"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (
            _TITLE,
            f"title: Annotated[int, Integer()]\n{_NOTE}]",
            r"parts.note is required.*\n.*parts.title.*another kind of value: declare a new field",
        ),
        (_TITLE, "title: Annotated[str, Text(max_chars=200), Unique()]", "parts.title becomes unique.*: declare a new"),
        (_PRICE, "", r"parts.price is not declared any more.*removed"),
        (_PRICE, f"{_PRICE}{_NOTE}]\n", "parts.note is required, and was not before.*Backfill"),
        (_PRICE, f"{_PRICE}{_NOTE}, Unique()]\n", "parts.note is required, .*: declare it `. None = None`, as"),
        ("[bool, Boolean()] | None = None", "[bool, Boolean()]", "parts.sold is required, and was not before"),
        ("[bool, Boolean()]", "[int, Integer()]", "parts.sold.*another kind of value"),
        ("Slug(), Unique()", "Slug(), Unique(key=str.upper)", "parts.number is unique by another.*: declare a new"),
    ],
)
def test_what_would_not_fit_is_refused(schema: Schema, tmp_path: Path, before: str, after: str, why: str) -> None:
    """A declaration that does not fit the table is refused with the name of each such field, and the table is not
    changed."""
    first = _FIRST.replace("[bool, Boolean()]", "[bool, Boolean()] | None = None")
    upgrade(schema, tmp_path, first)
    made = schema.rows("SHOW CREATE TABLE parts")
    with pytest.raises(AssertionError, match=why):
        upgrade(schema, tmp_path, first.replace(before, after))
    with pytest.raises(AssertionError, match=why):
        check(schema, tmp_path, first.replace(before, after))
    assert schema.rows("SHOW CREATE TABLE parts") == made


def test_a_table_of_another_program_is_left_alone(schema: Schema, tmp_path: Path) -> None:
    """A table that another program made under the plural of a resource is not extended: its rows would not be seen, and
    its columns hold less than is declared."""
    migrate(schema.dsn)
    schema.rows("CREATE TABLE parts (id VARCHAR(36) PRIMARY KEY, title VARCHAR(200) NOT NULL, price BIGINT NOT NULL)")
    schema.rows("INSERT INTO parts VALUES ('a part', 'Bolt', 5)")
    schema.rows("COMMIT")
    made = schema.rows("SHOW CREATE TABLE parts")
    with pytest.raises(AssertionError, match="the table parts is not one that Holdfast made: declare another plural"):
        upgrade(schema, tmp_path, f'class Part(Resource, plural="parts"):\n    {_TITLE}\n{_PRICE}')
    assert schema.rows("SHOW CREATE TABLE parts") == made


def test_a_field_may_be_called_like_a_word_of_sql(schema: Schema, tmp_path: Path) -> None:
    """A field may have a name that one server reserves and the other, or SQLAlchemy, does not, both in a new table and
    as a new column."""
    words = ("current_role", "library", "manual", "offset", "returning", "select", "tablesample", "vector")
    fields = "".join(f"    {word}: Annotated[int, Integer()] | None = None\n" for word in words)
    upgrade(schema, tmp_path, _FIRST)
    domain = upgrade(schema, tmp_path, f'{_FIRST}{fields}\nclass Word(Resource, plural="returning"):\n{fields}')
    assert run(_USE, tmp_path, domain, schema.dsn).splitlines()[0] == "[]"


def test_a_field_that_is_required_and_longer_now_keeps_its_missing_values(schema: Schema, tmp_path: Path) -> None:
    """The column of a field that might be missing takes NULL also when the field is required and longer from now on:
    rows have no value, and writers of the build before insert more of them."""
    optional = f'class Part(Resource, plural="parts"):\n    {_TITLE} | None = None\n'
    upgrade(schema, tmp_path, optional)
    schema.rows("INSERT INTO parts VALUES ('old', NULL, 5, 5, 0)")
    schema.rows("COMMIT")
    required = optional.replace("200)] | None = None", '300), Backfill("none")]')
    domain = upgrade(schema, tmp_path, required)
    schema.rows("INSERT INTO parts VALUES ('new', NULL, 6, 6, 0)")
    schema.rows("COMMIT")
    read = "print([each.shown()['title'] for each in reads.page(engine, parts, 0, 10).entities])"
    program = _USE[: _USE.index("print(")] + read
    assert run(program, tmp_path, domain, schema.dsn).splitlines()[-1] == "['none', 'none']"


def test_a_check_changes_nothing(schema: Schema, tmp_path: Path) -> None:
    """A check changes nothing, neither if a table is missing nor if one would be extended."""
    migrate(schema.dsn)
    check(schema, tmp_path, _FIRST)
    assert schema.rows("SHOW TABLES LIKE 'parts'") == ()
    upgrade(schema, tmp_path, _FIRST)
    made = schema.rows("SHOW CREATE TABLE parts")
    check(schema, tmp_path, _FIRST.replace(_PRICE, f"{_PRICE}{_NOTE}] | None = None\n"))
    assert schema.rows("SHOW CREATE TABLE parts") == made


def test_keys_that_a_build_did_not_keep_are_not_taken_for_kept_ones(schema: Schema, tmp_path: Path) -> None:
    """If a release makes a field no longer unique, a later one cannot make it unique again, because equal values may
    have been written."""
    upgrade(schema, tmp_path, _FIRST)
    upgrade(schema, tmp_path, _FIRST.replace(", Unique()", ""))
    with pytest.raises(AssertionError, match=r"parts.number becomes unique, and may have equal values"):
        upgrade(schema, tmp_path, _FIRST)


def test_keys_of_before_their_functions_were_marked_are_marked(schema: Schema, tmp_path: Path) -> None:
    """A unique column that an earlier build made without a mark of its key function is marked with the declared
    function, which later declarations are compared with."""
    upgrade(schema, tmp_path, _FIRST)
    made = schema.rows("SHOW CREATE TABLE parts")
    schema.rows("ALTER TABLE parts MODIFY number_key VARCHAR(512) COLLATE utf8mb4_bin")
    assert schema.rows("SHOW CREATE TABLE parts") != made
    upgrade(schema, tmp_path, _FIRST)
    assert schema.rows("SHOW CREATE TABLE parts") == made


@pytest.mark.parametrize(
    "hint",
    [
        pytest.param(Annotated[str, Text(max_chars=1000)], id="wide texts"),
        pytest.param(Annotated[str, Text(max_chars=1000)] | None, id="wide texts that may be missing"),
        pytest.param(Annotated[str, Text(max_chars=2000)], id="long texts"),
        pytest.param(Annotated[str, Text(max_chars=20)], id="short texts"),
        pytest.param(Annotated[int, Integer()] | None, id="numbers"),
        pytest.param(Annotated[bool, Boolean()], id="truth values"),
        pytest.param(Annotated[str, Text(max_chars=100), Unique()], id="unique texts"),
    ],
)
def test_what_may_be_declared_fits_into_a_table(schema: Schema, hint: Any) -> None:
    """The database accepts a table with as many fields of one kind as a declaration may have."""

    def declared(count: int) -> Any:
        body: dict[str, Any] = {"__annotations__": {f"n{at}": hint for at in range(count)}}
        body |= {f"n{at}": None for at in range(count)} if get_origin(hint) is not Annotated else {}
        try:
            made: Any = types.new_class("Wide", (Resource,), {"plural": "wides"}, lambda each: each.update(body))
            return made.type
        except DeclarationError:
            return None

    most = bisect_left(range(1, 1100), True, key=lambda count: declared(count) is None)
    table = table_of(declared(most))
    dialect = mysql.dialect()
    schema.rows(str(CreateTable(table).compile(dialect=dialect)))
    for index in table.indexes:
        schema.rows(str(CreateIndex(index).compile(dialect=dialect)))
    assert most > 10


_PHONE = "    phone: Annotated[str, Text(max_chars=40)] | None = None\n    email: Annotated["

#: A program that applies a user with a phone from the wire and reads the row.
_WITH_A_PHONE = """
import os, uuid
from holdfast.services.api.bodies import *
from holdfast.shared.domain.users import User
from holdfast.shared.queue.codec import decode
from holdfast.shared.store import reads
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Timeouts, make_engine
from holdfast.shared.writes.decide import Delivery

id = str(uuid.uuid4())
fields = {b"schema": b"2", b"resource": b"users", b"entity_id": id.encode(), b"command": b"CreateUser",
          b"operation_id": id.encode(), b"version": b"7",
          b"payload": b'{"name": "Ann", "email": "ann@example.com", "phone": "+43 1"}'}
engine = make_engine(os.environ["DB_DSN"], Timeouts(5, 5, 20, 5), 2)
print(apply(engine, [Delivery(decode(fields), "1-1")], lambda _: False, lambda _: None))
print(reads.entity(engine, User.type, id).shown())
"""


_MIGRATIONS = "holdfast.migrations"


def test_a_field_of_users_is_one_line_and_a_generated_revision(schema: Schema, tmp_path: Path) -> None:
    """In a copy of the sources, a new field of users takes one line and a generated revision, and is then part of wire
    and row."""
    migrate(schema.dsn)
    for name in ("shared", "services", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "holdfast", tmp_path / "holdfast", symlinks=True)
    users = tmp_path / "shared" / "domain" / "users.py"
    users.write_text(users.read_text().replace("    email: Annotated[", _PHONE))
    environment = os.environ | {"DB_DSN": schema.dsn, "PYTHONPATH": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=START_DEADLINE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done

    def python(*arguments: str) -> str:
        return run(*arguments).stdout.strip()

    assert "warning: the table users is not as declared: ALTER TABLE `users` ADD" in run("-m", _MIGRATIONS).stderr
    revision = Path(python("-m", "holdfast.migrations", "revision", "phones_of_users"))
    assert revision.name.endswith("_phones_of_users.py")
    assert "phone" in revision.read_text()
    assert "warning" not in run("-m", _MIGRATIONS).stderr
    assert python("-c", _WITH_A_PHONE).splitlines() == [
        "[Applied(version=7)]", str({"name": "Ann", "phone": "+43 1", "email": "ann@example.com"}),
    ]  # fmt: skip
    assert python("-m", "holdfast.migrations", "revision", "again") == "the database has all that is declared"
    python("-m", "alembic", "-c", "deploy/migrations/alembic.ini", "downgrade", "-1")
    assert "phone" not in str(schema.rows("SHOW CREATE TABLE users"))
