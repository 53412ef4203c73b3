"""Secrets at rest."""

import secrets

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given as for_all
from hypothesis import strategies as st

from canvas_demo.kernel.sealing import Sealer


@for_all(st.binary(max_size=200), st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_was_sealed_opens_in_its_context_under_its_key_alone(secret: bytes, context: str) -> None:
    sealer = Sealer(secrets.token_bytes(32))
    sealed = sealer.seal(secret, context)
    assert sealer.open(sealed, context) == secret
    for other, place in ((sealer, context + "x"), (Sealer(secrets.token_bytes(32)), context)):
        with pytest.raises(InvalidTag):
            other.open(sealed, place)


def test_the_same_secret_is_sealed_in_another_way_each_time() -> None:
    sealer = Sealer(secrets.token_bytes(32))
    assert len({sealer.seal(b"secret", "here") for _ in range(100)}) == 100
