"""Decide: what a batch does, given what the store holds."""

import pytest

from holdfast.shared.writes.commands import Claim, Command, Write
from holdfast.shared.writes.decide import Decision, Delivery, Ended, Known, decide, mentioned
from holdfast.shared.writes.outcome import Applied, Duplicate, Rejected, Retry
from tests.users import create_user, delete_user, email_claim, update_user, user_ref

NOW = 1_764_000_000_000_000


def delivery(user: str, version: int, command: Command, entry: str | None = None, after: str | None = None) -> Delivery:
    """Return a delivery of the operation `op-<version>`. The name of its entry is the version unless given."""
    return Delivery(Write(f"op-{version}", user, command, version, after), entry or str(version))


def create(user: str, version: int, email: str) -> Delivery:
    """Return the delivery of a create for a user whose name is its id."""
    return delivery(user, version, create_user(name=user, email=email))


def patiently(*batch: Delivery, known: Known | None = None) -> Decision:
    """Return the decision on `batch` of a writer that waits."""
    return decide(list(batch), known or Known(), lambda _: True, NOW)


def at_once(*batch: Delivery, known: Known | None = None) -> Decision:
    """Return the decision on `batch` of a writer that waits no longer."""
    return decide(list(batch), known or Known(), lambda _: False, NOW)


def after_all(*batch: Delivery) -> Known:
    """Return what the store knows when `batch` has been decided."""
    decision = patiently(*batch)
    owners = {claim: entity.ref for entity in decision.entities.values() for claim in entity.claims}
    ended = {one.write.operation_id: Ended(outcome, one.entry_id) for one, outcome in decision.ended}
    released: dict[Claim, dict[str, int]] = {}
    for (claim, id), version in decision.released.items():
        released.setdefault(claim, {})[id] = version
    return Known(ended, dict(decision.entities), owners, released)


def test_a_batch_is_decided_oldest_first_and_answered_in_its_own_order() -> None:
    """A batch is decided oldest first and answered in its own order: an update that came before its create in the batch
    sees the created user."""
    decision = patiently(delivery("u", 2, update_user(name="Bea"), after="op-1"), create("u", 1, "ann@example.com"))
    assert decision.outcomes == [Applied(2), Applied(1)]
    assert [one.write.version for one, _ in decision.ended] == [1, 2]
    assert decision.entities[user_ref("u")].shown()["name"] == "Bea"


def test_addresses_are_swapped_inside_a_batch() -> None:
    """Two users swap addresses in one batch: Ann steps aside, Bob takes her address, and Ann takes his."""
    known = after_all(create("ann", 1, "a@example.com"), create("bob", 2, "b@example.com"))
    decision = patiently(
        delivery("ann", 5, update_user(email="b@example.com"), after="op-3"),
        delivery("bob", 4, update_user(email="a@example.com")),
        delivery("ann", 3, update_user(email="aside@example.com")),
        known=known,
    )
    assert decision.outcomes == [Applied(5), Applied(4), Applied(3)]
    assert {each.id: each.shown()["email"] for each in decision.entities.values()} == {
        "ann": "b@example.com",
        "bob": "a@example.com",
    }
    assert decision.released == {
        (email_claim("a@example.com"), "ann"): 3,
        (email_claim("b@example.com"), "bob"): 4,
        (email_claim("aside@example.com"), "ann"): 5,
    }


def test_a_deleted_users_address_is_free_within_the_batch() -> None:
    """A new user gets a deleted user's address in the same batch, because it comes after the delete in the order of
    acceptance, whatever the order of delivery."""
    known = after_all(create("ann", 1, "a@example.com"))
    decision = patiently(create("bob", 3, "a@example.com"), delivery("ann", 2, delete_user()), known=known)
    assert decision.outcomes == [Applied(3), Applied(2)]
    assert decision.entities[user_ref("ann")].keys == (None,)
    assert decision.released == {(email_claim("a@example.com"), "ann"): 2}


def test_a_duplicate_inside_a_batch_takes_effect_once() -> None:
    """Two entries of one operation in a batch, one of them a copy as a replay makes it, take effect once."""
    decision = patiently(create("u", 1, "a@example.com"), Delivery(create("u", 1, "a@example.com").write, "copy"))
    assert decision.outcomes == [Applied(1), Duplicate(redelivered=False, first=Applied(1))]
    assert len(decision.ended) == 1


def test_the_same_entry_delivered_again_is_no_copy() -> None:
    """The same entry delivered again is marked as redelivered; only another entry of the operation counts as a copy."""
    known = after_all(create("u", 1, "a@example.com"))
    again, copy = create("u", 1, "a@example.com"), Delivery(create("u", 1, "a@example.com").write, "copy")
    decision = patiently(again, copy, known=known)
    assert decision.outcomes == [Duplicate(True, Applied(1)), Duplicate(False, Applied(1))]
    assert (decision.entities, decision.ended, decision.released) == ({}, [], {})


def test_a_duplicate_tells_how_the_operation_ended_the_first_time() -> None:
    """A duplicate holds the outcome with which its operation first ended, so that a waiting client gets the truth."""
    rejected = Rejected("EMAIL_TAKEN", {})
    known = Known(ended={"op-1": Ended(rejected, "1")})
    assert patiently(create("u", 1, "a@example.com"), known=known).outcomes == [Duplicate(True, rejected)]


def test_a_write_waits_for_the_one_before_it() -> None:
    """A write whose predecessor has not ended names the user whose writes it waits for, is charged no attempt, and
    changes nothing."""
    decision = patiently(delivery("u", 2, update_user(name="Bea"), after="op-1"))
    assert decision.outcomes == [Retry(waits_for=(user_ref("u"),))]
    assert (decision.entities, decision.ended) == ({}, [])


def test_a_whole_chain_waits_for_its_first_link() -> None:
    """No write of a chain is decided before the one that it follows."""
    links = [delivery("u", n, update_user(name=str(n)), after=f"op-{n - 1}") for n in (2, 3, 4)]
    assert patiently(*links).outcomes == [Retry(waits_for=(user_ref("u"),))] * 3


def test_a_write_that_waits_no_longer_is_decided_without_the_one_before() -> None:
    """An update that waits no longer for its predecessor is applied to a shadow, because its user may still come."""
    decision = at_once(delivery("u", 2, update_user(name="Bea"), after="op-1"))
    assert decision.outcomes == [Applied(2)]
    assert not decision.entities[user_ref("u")].visible


def test_a_whole_chain_that_waits_no_longer_leaves_one_shadow() -> None:
    """The second early update of a user finds the shadow of the first, and the user may still come."""
    first = delivery("u", 2, update_user(name="Bea"), after="op-1")
    decision = at_once(first, delivery("u", 3, update_user(name="Cleo"), after="op-2"))
    assert decision.outcomes == [Applied(2), Applied(3)]
    assert decision.entities[user_ref("u")].shown()["name"] == "Cleo"


def test_an_update_of_nobody_is_rejected_at_once() -> None:
    """An update of an unknown user is rejected at once if no write of the user was pending at acceptance, because there
    is nothing to wait for."""
    assert patiently(delivery("u", 2, update_user(name="Bea"))).outcomes == [Rejected("USER_NOT_FOUND", {})]


def test_a_claim_on_an_owned_address_waits_for_its_owner() -> None:
    """A claim on an owned address waits, because a write still on its way may release the address, and is refused when
    the writer waits no longer."""
    known = after_all(create("ann", 1, "a@example.com"))
    claim = create("bob", 3, "a@example.com")
    assert patiently(claim, known=known).outcomes == [Retry(waits_for=(user_ref("ann"),))]
    decision = at_once(claim, known=known)
    assert decision.outcomes == [Rejected("EMAIL_TAKEN", {})]
    assert decision.entities == {}
    assert len(decision.ended) == 1


def test_a_claim_older_than_the_release_is_refused_without_waiting() -> None:
    """A claim that is older than the release of its address is refused at once: at its place in the order the address
    had an owner, and nothing can change that."""
    known = Known(released={email_claim("a@example.com"): {"ann": 5}})
    assert patiently(create("bob", 3, "a@example.com"), known=known).outcomes == [Rejected("EMAIL_TAKEN", {})]


def test_ones_own_release_is_no_reason_to_be_refused() -> None:
    """A create that arrives after its user's newer writes is applied, although they have already released the address
    that it brought."""
    early = delivery("u", 2, update_user(email="a@example.com"), after="op-1")
    newest = delivery("u", 3, update_user(email="b@example.com"), after="op-2")
    first = at_once(early, newest)
    known = Known(
        ended={one.write.operation_id: Ended(outcome, one.entry_id) for one, outcome in first.ended},
        entities=first.entities, owners={email_claim("b@example.com"): user_ref("u")},
        released={email_claim("a@example.com"): {"u": 3}},
    )  # fmt: skip
    decision = at_once(create("u", 1, "a@example.com"), known=known)
    assert decision.outcomes == [Applied(3)]
    assert decision.entities[user_ref("u")].visible
    assert decision.entities[user_ref("u")].shown()["email"] == "b@example.com"


def test_what_a_batch_mentions_is_all_that_deciding_needs() -> None:
    """A batch mentions all that deciding needs: operations with those they follow, users, and addresses in the form in
    which they are unique."""
    batch = [
        create("ann", 1, "Ann@Example.com"),
        delivery("bob", 3, update_user(name="Bob"), after="op-2"),
        delivery("cleo", 4, delete_user()),
    ]
    operations, entities, claims = mentioned(batch)
    assert operations == {"op-1", "op-2", "op-3", "op-4"}
    assert entities == {user_ref("ann"), user_ref("bob"), user_ref("cleo")}
    assert claims == {email_claim("ann@example.com")}


def test_deciding_leaves_what_is_known_alone() -> None:
    """Deciding changes nothing that is known, because a transaction that is rolled back must find everything as it
    was."""
    known = after_all(create("ann", 1, "a@example.com"))
    before = known.entities[user_ref("ann")]
    patiently(delivery("ann", 2, update_user(email="b@example.com")), known=known)
    assert known.entities == {user_ref("ann"): before}
    assert known.owners == {email_claim("a@example.com"): user_ref("ann")}
    assert known.released == {}


def test_what_comes_too_late_is_not_done() -> None:
    """A write past its expiry is rejected, and an operation that ended in time keeps its outcome."""
    late = create("ada", 1, "ada@example.com")
    late = late._replace(write=late.write._replace(expires_at=NOW))
    in_time = late._replace(write=late.write._replace(operation_id="other", expires_at=NOW + 1))
    decided = patiently(late)
    assert decided.outcomes == [Rejected("WRITE_EXPIRED", {"expires_at": NOW})]
    assert not decided.entities
    assert isinstance(patiently(in_time).outcomes[0], Applied)
    ended = Known(ended={late.write.operation_id: Ended(Applied(1), late.entry_id)})
    assert isinstance(patiently(late, known=ended).outcomes[0], Duplicate)


@pytest.mark.parametrize("why", ["expired", "key reused"])
def test_what_is_refused_for_itself_waits_for_the_one_before_it(why: str) -> None:
    """A write that is refused for itself waits for its predecessor, because the next write takes its end for a sign
    that all writes before it have ended."""
    first = delivery("ann", 1, create_user(name="ann", email="a@example.com"))
    refused = delivery("ann", 3, update_user(name="Bea"), after="op-1")
    known = Known()
    if why == "expired":
        refused = refused._replace(write=refused.write._replace(expires_at=NOW))
    else:
        of_key, again = keyed_delivery("a", "1", 2, "First"), keyed_delivery("a", "2", 3, "Other")
        known = Known(ended={of_key.write.operation_id: Ended(Applied(2), "2", 2)})
        refused = refused._replace(write=refused.write._replace(operation_id=again.write.operation_id))
    last = delivery("ann", 4, update_user(email="b@example.com"), after=refused.write.operation_id)
    assert patiently(refused, last, known=known).outcomes == [Retry(waits_for=(user_ref("ann"),))] * 2
    assert isinstance(at_once(refused, known=known).outcomes[0], Rejected)
    assert isinstance(patiently(first, refused, last, known=known).outcomes[1], Rejected)
    assert patiently(first, refused, last, known=known).outcomes[2] == Applied(4)


def keyed_delivery(part: str, request: str, version: int, name: str) -> Delivery:
    """Return an update that came with the Idempotency-Key `part`."""
    operation = f"{part}0000000-0000-8000-a000-00{request:0>10}"
    return Delivery(Write(operation, "u", update_user(name=name), version), str(version))


def test_a_key_used_again_for_another_request_is_refused() -> None:
    """A key used again for another request is refused in the order of versions, whether the first is in the same batch
    or has ended; the same request is a duplicate."""
    known = after_all(create("u", 1, "ann@example.com"))
    first, other = keyed_delivery("a", "1", 2, "First"), keyed_delivery("a", "2", 3, "Other")
    reused = Rejected("IDEMPOTENCY_KEY_REUSED", {"first_operation_id": first.write.operation_id})
    decision = patiently(other, first, keyed_delivery("b", "1", 4, "Else"), known=known)
    assert decision.outcomes == [reused, Applied(2), Applied(4)]
    known.ended[first.write.operation_id] = Ended(Applied(2), "2", 2)
    assert patiently(other, known=known).outcomes == [reused]
    again = patiently(first._replace(entry_id="9"), known=known)
    assert again.outcomes == [Duplicate(redelivered=False, first=Applied(2))]


def test_an_older_write_is_never_refused_for_a_later_use_of_its_key() -> None:
    """An older write is never refused for a later use of its key: what was accepted first keeps its place, even if it
    arrives last."""
    later = keyed_delivery("a", "2", 3, "Later")
    known = after_all(create("u", 1, "ann@example.com"))
    known.ended[later.write.operation_id] = Ended(Applied(3), "3", 3)
    assert patiently(keyed_delivery("a", "1", 2, "First"), known=known).outcomes == [Applied(2)]
