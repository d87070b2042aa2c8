"""Importing: adds letters from a file. A repeated import changes nothing; an existing letter is never overwritten."""

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.shared.errors import LetterDiffers
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.decide.change import check_count
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.index import body
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.letter import Letter
from holdfast.shared.store.engine import Engine, reading


@dataclass(frozen=True, slots=True)
class Brought:
    """The number of letters that are new, and of those that existed already."""

    new: int
    known: int


def bring(engine: Engine, letters: Sequence[Letter], actor: Actor, *, expected: int | None, dry_run: bool) -> Brought:
    """Import all letters, or none. Return how many are new and how many existed. `expected`: the number of new letters
    that the caller expects; `dry_run`: write nothing. Raises LetterDiffers, CountMismatch."""
    unique = {letter.number: letter for letter in letters}
    with reading(engine) as connection, connection.begin() as transaction:
        known = body.load(connection, unique)
        for number, here in known.items():
            if here.original != unique[number].original:
                raise LetterDiffers(details={"id": id_of(number)})
        fresh = [letter for number, letter in unique.items() if number not in known]
        if expected is not None:
            check_count(expected, len(fresh))
        if dry_run:
            transaction.rollback()
            return Brought(len(fresh), len(known))
        new = index.add(connection, fresh, imported=True)
        numbers = [letter.number for letter in fresh]
        record(connection, actor, AuditAction.IMPORT, numbers, letters=new, details={"known": len(known)})
        return Brought(new, len(known) + len(fresh) - new)
