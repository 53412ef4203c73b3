"""Passwords, hashed and checked."""

from typing import Any

import pytest

from canvas_demo.modules.identity.passwords import Passwords

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


async def test_only_the_password_itself_matches(passwords: Passwords) -> None:
    kept = await passwords.hash(PASSWORD)
    assert await passwords.match(kept, PASSWORD)
    for other in ("", "Correct horse", PASSWORD + " ", kept):
        assert not await passwords.match(kept, other)


async def test_a_hash_is_argon2id_with_a_salt_and_without_the_password(passwords: Passwords) -> None:
    one, other = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)
    assert one.startswith("$argon2id$")
    assert one != other
    assert PASSWORD not in one


async def test_a_password_matches_however_its_accents_were_typed(passwords: Passwords) -> None:
    assert await passwords.match(await passwords.hash("caf\u00e9 noir"), "cafe\u0301 noir")


async def test_nobody_has_a_password_yet_it_is_hashed_with_the_same_parameters(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes an unknown name take as long as a wrong password."""
    hasher = passwords._hasher
    verified: list[str] = []

    class Watched:
        def verify(self, password_hash: str, password: str) -> Any:
            verified.append(password_hash)
            return hasher.verify(password_hash, password)

    monkeypatch.setattr(passwords, "_hasher", Watched())
    kept = hasher.hash(PASSWORD)
    assert not await passwords.match(None, PASSWORD)
    assert not await passwords.match(kept, "something else")
    nobodys, somebodys = ("$".join(each.split("$")[:4]) for each in verified)
    assert nobodys == somebodys
