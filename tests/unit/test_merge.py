"""Merge: what one write does to one user, in whatever order writes arrive."""

from typing import Any

from holdfast.shared.writes.commands import Command, Write
from holdfast.shared.writes.merge import Entity, Holder, merge
from holdfast.shared.writes.outcome import Applied, Final, Rejected, Superseded
from tests.users import create_user, delete_user, replace_user, update_user, user_ref, user_row

CREATE = create_user(name="Ann", email="Ann@Example.com")


def write(version: int, command: Command, **more: Any) -> Write:
    """Return a write of the user `u`, accepted as number `version`."""
    return Write(f"op-{version}", "u", command, version, **more)


def merged(*writes: Write, row: Entity | None = None, overtaking: bool = False) -> tuple[Entity | None, Final]:
    """Return the user after `writes`, and the outcome of the last write."""
    for one in writes:
        row, outcome = merge(row, one, overtaking=overtaking)
    return row, outcome


def test_a_create_makes_a_visible_user() -> None:
    """A create makes a visible user: every field has the create's version, and the address is unique in its case-folded
    form."""
    user, outcome = merged(write(1, CREATE))
    assert user == user_row("u", "Ann", 1, "Ann@Example.com", "ann@example.com", 1, 1, 0)
    assert user.visible
    assert outcome == Applied(1)


def test_an_update_sets_only_what_it_names() -> None:
    """An update of the name leaves the address at its value and version."""
    user, outcome = merged(write(1, CREATE), write(2, update_user(name="Bea")))
    assert user is not None
    assert (user.values, user.versions) == (("Bea", "Ann@Example.com"), (2, 1))
    assert outcome == Applied(2)


def test_an_older_write_never_overwrites_a_newer_field() -> None:
    """An older replacement that arrives late still sets the address, which no newer write has set, but not the name,
    which a newer write has set."""
    late = write(2, replace_user(name="Old", email="new@example.com"))
    user, outcome = merged(write(1, CREATE), write(3, update_user(name="Newest")), late)
    assert user is not None
    assert (user.values, user.version) == (("Newest", "new@example.com"), 3)
    assert outcome == Applied(3)


def test_a_write_overtaken_in_all_that_it_sets_is_superseded() -> None:
    """A write that newer writes have overtaken in all its fields is superseded: it has its place in the order and no
    visible effect."""
    user, outcome = merged(write(1, CREATE), write(3, update_user(name="New")), write(2, update_user(name="Old")))
    assert user is not None
    assert user.values[0] == "New"
    assert outcome == Superseded(3)


def test_merging_a_write_again_changes_nothing() -> None:
    """Merging a write again changes nothing, so redelivery is harmless even without the operations table."""
    update = write(2, update_user(name="Bea"))
    once, _ = merged(write(1, CREATE), update)
    assert merged(update, row=once) == (once, Superseded(2))


def test_an_update_that_overtakes_its_create_leaves_a_shadow() -> None:
    """An update that overtakes its create leaves a shadow, which no read shows until the create arrives. The create
    then sets only the fields that no newer write has set."""
    shadow, outcome = merged(write(2, update_user(name="Bea")), overtaking=True)
    assert shadow is not None
    assert not shadow.visible
    assert outcome == Applied(2)
    user, outcome = merged(write(1, CREATE), row=shadow)
    assert user is not None
    assert user.visible
    assert (user.values, user.created_version, user.version) == (("Bea", "Ann@Example.com"), 1, 2)
    assert outcome == Applied(2)


def test_an_update_of_a_shadow_waits_for_the_create_as_the_shadow_does() -> None:
    """A shadow says that its create is on its way, so a second early update is applied and not rejected."""
    shadow, _ = merged(write(2, update_user(name="Bea")), overtaking=True)
    user, outcome = merged(write(3, update_user(name="Cleo")), row=shadow)
    assert user is not None
    assert user.values[0] == "Cleo"
    assert outcome == Applied(3)


def test_an_update_of_nobody_is_rejected() -> None:
    """An update of a user that does not exist is rejected if nothing of this user is on its way."""
    assert merged(write(2, update_user(name="Bea"))) == (None, Rejected("USER_NOT_FOUND", {}))


def test_a_delete_leaves_a_tombstone_without_personal_data() -> None:
    """A delete leaves a tombstone without personal data. The tombstone keeps the versions, so that late writes find
    their place, and the address is free for others."""
    tombstone, outcome = merged(write(1, CREATE), write(2, delete_user()))
    assert tombstone == user_row("u", "", 1, "", None, 1, 1, 2)
    assert not tombstone.visible
    assert outcome == Applied(2)


def test_an_update_after_a_delete_is_rejected() -> None:
    """An update after a delete is rejected, because the user was gone at the update's place in the order."""
    tombstone, _ = merged(write(1, CREATE), write(2, delete_user()))
    assert merged(write(3, update_user(name="Bea")), row=tombstone) == (tombstone, Rejected("USER_NOT_FOUND", {}))


def test_an_update_from_before_a_delete_is_superseded() -> None:
    """An update from before a delete that arrives after it is superseded, because the delete has removed its effect."""
    tombstone, _ = merged(write(1, CREATE), write(3, delete_user()))
    assert merged(write(2, update_user(name="Bea")), row=tombstone) == (tombstone, Superseded(3))


def test_a_delete_that_overtakes_an_update_hides_the_user_all_the_same() -> None:
    """A newer update that arrives before a delete does not keep the deleted user visible."""
    user, outcome = merged(write(1, CREATE), write(3, update_user(name="Bea")), write(2, delete_user()))
    assert user is not None
    assert not user.visible
    assert (user.values, user.keys, user.deleted_version) == (("", ""), (None,), 2)
    assert outcome == Applied(3)


def test_of_two_deletes_the_earlier_one_is_the_delete() -> None:
    """Of two deletes the one with the lower version is the delete, whichever arrives first."""
    early, late = write(2, delete_user()), write(3, delete_user())
    in_order, outcome = merged(write(1, CREATE), early, late)
    assert outcome == Rejected("USER_NOT_FOUND", {})
    assert merged(write(1, CREATE), late, early)[0] == in_order


def test_a_create_that_its_delete_overtook_is_never_seen() -> None:
    """A create that its delete overtook is never visible, because the tombstone is already there."""
    tombstone, _ = merged(write(2, delete_user()), overtaking=True)
    user, outcome = merged(write(1, CREATE), row=tombstone)
    assert user is not None
    assert not user.visible
    assert outcome == Superseded(2)


def test_a_second_create_of_the_same_user_is_rejected() -> None:
    """A second create of the same user is rejected, because an id is used only once, even after a delete."""
    user, _ = merged(write(1, CREATE))
    assert merged(write(2, CREATE), row=user) == (user, Rejected("USER_EXISTS", {}))
    tombstone, _ = merged(write(3, delete_user()), row=user)
    assert merged(write(4, CREATE), row=tombstone) == (tombstone, Rejected("USER_EXISTS", {}))


def test_a_write_for_another_version_is_rejected_and_says_which_it_found() -> None:
    """If-Match is compared at apply time, and a write for another version is rejected with the version that was
    found."""
    user, _ = merged(write(1, CREATE))
    refused = write(3, update_user(name="Bea"), if_match=(2, 5))
    assert merged(refused, row=user) == (user, Rejected("PRECONDITION_FAILED", {"expected": [2, 5], "found": 1}))
    assert merged(write(3, update_user(name="Bea"), if_match=(1, 2)), row=user)[1] == Applied(3)


def test_a_write_for_anything_but_a_version_is_rejected_at_it() -> None:
    """If-None-Match is compared at apply time too, after If-Match. `*` refuses every write to an existing user, so only
    a create can succeed with it."""
    user, _ = merged(write(1, CREATE))
    change = update_user(name="Bea")
    refused = write(3, change, if_none_match=(1, 2))
    assert merged(refused, row=user) == (user, Rejected("PRECONDITION_FAILED", {"unexpected": [1, 2], "found": 1}))
    assert merged(write(3, change, if_none_match=(2,)), row=user)[1] == Applied(3)
    star = Rejected("PRECONDITION_FAILED", {"unexpected": "*", "found": 1})
    assert merged(write(3, change, if_match=(1,), if_none_match="*"), row=user) == (user, star)
    first = Rejected("PRECONDITION_FAILED", {"expected": [2], "found": 1})
    assert merged(write(3, change, if_match=(2,), if_none_match="*"), row=user) == (user, first)
    assert merged(write(3, change, if_none_match="*"), row=None) == (None, Rejected("USER_NOT_FOUND", {}))
    assert merged(write(1, CREATE, if_none_match="*"), row=None)[1] == Applied(1)


def test_somebody_elses_address_is_refused() -> None:
    """An address that another user owns is refused to a new user and to an existing user."""
    taken = Holder(owner=user_ref("other"), owner_since=1)
    assert merge(None, write(2, CREATE), [taken]) == (None, Rejected("EMAIL_TAKEN", {}))
    user, _ = merged(write(1, CREATE))
    refused = write(2, update_user(name="Bea", email="bob@example.com"))
    assert merge(user, refused, [taken]) == (user, Rejected("EMAIL_TAKEN", {}))


def test_ones_own_address_in_other_capitals_is_ones_own() -> None:
    """A user may change the capitals of its own address, because uniqueness ignores case, and the address is shown as
    written."""
    user, _ = merged(write(1, CREATE))
    same_key = write(2, update_user(email="ANN@example.com"))
    after, outcome = merge(user, same_key, [Holder(released=9)])
    assert after is not None
    assert (after.values[1], after.keys) == ("ANN@example.com", ("ann@example.com",))
    assert outcome == Applied(2)


def test_an_address_let_go_of_later_was_taken_at_the_time() -> None:
    """A create from before the release of its address is refused, although the owner's newer write arrived first: in
    order, this create would have met the owner. A create from after the release is applied."""
    assert merge(None, write(2, CREATE), [Holder(released=3)])[1] == Rejected("EMAIL_TAKEN", {})
    assert merge(None, write(4, CREATE), [Holder(released=3)])[1] == Applied(4)


def test_a_late_claim_on_an_address_moved_away_from_since_needs_nobodys_leave() -> None:
    """A late claim on an address from which its user has since moved away is applied, even if another user has owned
    the address since a later version, because the late write would no longer hold it."""
    user, _ = merged(write(1, CREATE), write(3, update_user(email="own@example.com")))
    late = write(2, update_user(name="Bea", email="bob@example.com"))
    after, outcome = merge(user, late, [Holder(owner=user_ref("other"), owner_since=4)])
    assert after is not None
    assert after.values == ("Bea", "own@example.com")
    assert outcome == Applied(3)


def test_a_refused_create_takes_its_shadow_with_it() -> None:
    """A refused create also clears its shadow, because no other create will come, and the shadow must not hold an
    address."""
    shadow, _ = merged(write(2, update_user(email="early@example.com")), overtaking=True)
    after, outcome = merge(shadow, write(1, CREATE), [Holder(owner=user_ref("other"), owner_since=0)])
    assert outcome == Rejected("EMAIL_TAKEN", {})
    assert after is not None
    assert not after.visible
    assert (after.values, after.keys) == (("", ""), (None,))
