"""What may happen to an organisation and to a user, and what a name and a password may be."""

import unicodedata

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from canvas_demo.contracts.identity.v1.events_pb2 import OrganizationRegistered, UserAdded
from canvas_demo.kernel.errors import AlreadyExists, Invalid
from canvas_demo.modules.identity.domain import AddUser, RegisterOrganization, checked_password, checked_username
from canvas_demo.modules.identity.registration import FIRST_PASSWORD
from canvas_demo.modules.identity.store import ORGANIZATION, USER
from tests.unit.given_when_then import given

registered = OrganizationRegistered(organization_id="o", name="Demo")
added = UserAdded(user_id="u", organization_id="o", username="Ada")


def test_an_organisation_registers_with_its_name_trimmed() -> None:
    given(ORGANIZATION).when(RegisterOrganization("o", "  Demo ")).then(registered)


def test_an_organisation_registers_once() -> None:
    given(ORGANIZATION, registered).when(RegisterOrganization("o", "Demo")).raises(AlreadyExists)


def test_a_user_is_added_with_their_name_trimmed_and_written_as_they_write_it() -> None:
    given(USER).when(AddUser("u", "o", " Ada\u2003")).then(added)


def test_a_user_is_added_once() -> None:
    given(USER, added).when(AddUser("u", "o", "Ada")).raises(AlreadyExists)


NO_NAMES = ["", " \t ", "x" * 201, "a\0b", "a\nb"]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_is_none_is_refused_and_the_field_named(name: str) -> None:
    of_organization = given(ORGANIZATION).when(RegisterOrganization("o", name)).raises(Invalid)
    of_user = given(USER).when(AddUser("u", "o", name)).raises(Invalid)
    assert of_organization.value.metadata == {"field": "name"}  # type: ignore[attr-defined]
    assert of_user.value.metadata == {"field": "username"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1001, "12345678\0"])
def test_a_password_that_does_not_do_is_refused_and_the_field_named(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_password(password)
    assert refused.value.metadata == {"field": "password"}
    assert "\0" not in refused.value.detail


@pytest.mark.parametrize("password", ["        ", "12345678", "x" * 1000, "pässwörter\n", FIRST_PASSWORD])
def test_any_other_password_is_taken_as_it_is(password: str) -> None:
    assert checked_password(password) == password


def test_a_username_has_at_most_200_characters_in_the_form_that_is_compared() -> None:
    ligature = "\ufdfa"  # one character, which is compared as eighteen
    with pytest.raises(Invalid):
        checked_username(ligature * 12)
    assert checked_username(ligature * 11) == ligature * 11


@for_all(st.text())
def test_a_username_that_was_taken_is_taken_again_unchanged(value: str) -> None:
    try:
        username = checked_username(value)
    except Invalid:
        return
    assert checked_username(username) == username
    assert unicodedata.is_normalized("NFC", username)
    # What PostgreSQL's index holds of it fits into an entry (a third of a page, 2704 bytes).
    assert len(unicodedata.normalize("NFKC", username).casefold().encode()) < 2600
