"""What may happen to the keys of an organisation."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from canvas_demo.contracts.keys.v1.events_pb2 import OrganizationKeyDestroyed, OrganizationKeyRotated
from canvas_demo.kernel.errors import Gone
from canvas_demo.kernel.events import event_of, payload_of
from canvas_demo.modules.keys.domain import CreateKey, DestroyKey, KeyRing, RotateKey, decide, evolve
from canvas_demo.modules.keys.store import KEY
from tests.unit.given_when_then import given

destroyed = OrganizationKeyDestroyed(organization_id="o")


def rotated(key_version: int) -> OrganizationKeyRotated:
    return OrganizationKeyRotated(organization_id="o", key_version=key_version)


def test_an_organisation_gets_its_first_key() -> None:
    given(KEY).when(CreateKey("o")).then(rotated(1))


def test_whoever_asks_for_the_first_key_later_changes_nothing() -> None:
    given(KEY, rotated(1)).when(CreateKey("o")).then()
    given(KEY, rotated(1), rotated(2)).when(CreateKey("o")).then()


def test_rotating_makes_the_next_version_also_where_there_was_none() -> None:
    given(KEY).when(RotateKey("o")).then(rotated(1))
    given(KEY, rotated(1), rotated(2)).when(RotateKey("o")).then(rotated(3))


def test_what_was_destroyed_is_not_created_again() -> None:
    given(KEY, rotated(1), destroyed).when(CreateKey("o")).then()
    given(KEY, rotated(1), destroyed).when(RotateKey("o")).raises(Gone)


def test_destroying_again_changes_nothing() -> None:
    given(KEY, rotated(1)).when(DestroyKey("o")).then(destroyed)
    given(KEY, rotated(1), destroyed).when(DestroyKey("o")).then()


def test_an_organisation_that_had_no_key_yet_will_have_none_once_destroyed() -> None:
    given(KEY).when(DestroyKey("o")).then(destroyed)
    given(KEY, destroyed).when(CreateKey("o")).then()
    assert given(KEY, destroyed).state == KeyRing("o", newest=0, destroyed=True)


commands = st.sampled_from([CreateKey("o"), RotateKey("o"), DestroyKey("o")])


@for_all(st.lists(commands, max_size=30))
def test_whatever_is_asked_versions_have_no_gap_and_nothing_follows_the_end(asked: list[Any]) -> None:
    ring: KeyRing | None = None
    events: list[Any] = []
    for command in asked:
        try:
            decided = decide(ring, command)
        except Gone:
            assert destroyed in events
            continue
        for event in decided:
            ring = evolve(ring, event)
        events += decided
    versions = [event.key_version for event in events if isinstance(event, OrganizationKeyRotated)]
    assert versions == list(range(1, len(versions) + 1))
    assert destroyed not in events[:-1]
    assert KEY.fold(event_of(type(event), payload_of(event)) for event in events) == ring


@pytest.mark.parametrize("event", [rotated(1), destroyed])
def test_no_event_holds_a_key(event: Any) -> None:
    assert set(payload_of(event)) <= {"organization_id", "key_version"}
