"""Data keys, wrapped by the master key."""

import base64
import secrets
from pathlib import Path

import pytest
from pydantic import SecretStr

from canvas_demo.kernel.settings import SettingError, Settings
from canvas_demo.modules.keys.wrapping import KeyWrapper


@pytest.fixture
def wrapper() -> KeyWrapper:
    return KeyWrapper(secrets.token_bytes(32))


def test_a_data_key_has_32_bytes_which_its_wrapping_does_not_show(wrapper: KeyWrapper) -> None:
    wrapped = wrapper.new_wrapped_key("o", 1)
    key = wrapper.unwrap(wrapped, "o", 1)
    assert len(key) == 32
    assert key not in wrapped
    assert wrapper.unwrap(wrapper.new_wrapped_key("o", 1), "o", 1) != key


@pytest.mark.parametrize(("organization_id", "key_version"), [("p", 1), ("o", 2), ("o", 11), ("", 1)])
def test_a_wrapped_key_unwraps_only_where_it_belongs(
    wrapper: KeyWrapper, organization_id: str, key_version: int
) -> None:
    with pytest.raises(SettingError, match="does not unwrap"):
        wrapper.unwrap(wrapper.new_wrapped_key("o", 1), organization_id, key_version)


def test_another_master_key_does_not_unwrap(wrapper: KeyWrapper) -> None:
    with pytest.raises(SettingError, match="CANVAS_DEMO_MASTER_KEY is not the key that wrapped it"):
        KeyWrapper(secrets.token_bytes(32)).unwrap(wrapper.new_wrapped_key("o", 1), "o", 1)


def test_a_wrapped_key_with_a_bit_changed_does_not_unwrap(wrapper: KeyWrapper) -> None:
    wrapped = wrapper.new_wrapped_key("o", 1)
    for place in range(len(wrapped)):
        changed = bytearray(wrapped)
        changed[place] ^= 1
        with pytest.raises(SettingError):
            wrapper.unwrap(bytes(changed), "o", 1)


@pytest.mark.parametrize(
    ("master_key", "said"),
    [
        ("", "is not set"),
        ("***", "is not base64"),
        (base64.b64encode(b"x" * 31).decode(), "holds 31 bytes; it must hold 32"),
        (base64.b64encode(b"x" * 33).decode(), "holds 33 bytes"),
        ("ü" * 44, "is not base64"),
    ],
)
def test_a_master_key_that_is_none_is_told_with_what_to_do(master_key: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as refused:
        KeyWrapper.of(Settings(master_key=SecretStr(master_key)))
    assert "CANVAS_DEMO_MASTER_KEY" in str(refused.value)
    assert "openssl rand -base64 32" in str(refused.value)


def test_a_master_key_in_base64_does() -> None:
    text = SecretStr(base64.b64encode(b"k" * 32).decode())
    wrapped = KeyWrapper.of(Settings(master_key=text)).new_wrapped_key("o", 1)
    assert KeyWrapper(b"k" * 32).unwrap(wrapped, "o", 1)


def test_a_master_key_in_a_file_does_too_and_wins(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    file.write_text(base64.b64encode(b"k" * 32).decode() + "\n")
    other = SecretStr(base64.b64encode(b"o" * 32).decode())
    wrapped = KeyWrapper.of(Settings(master_key=other, master_key_file=file)).new_wrapped_key("o", 1)
    assert KeyWrapper(b"k" * 32).unwrap(wrapped, "o", 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "can't be read"), (b"", "empty"), (b"***", "is not base64"), (b"\xff", "can't be read")],
)
def test_a_file_without_a_key_is_told_by_its_name(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "master.key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError, match=said) as refused:
        KeyWrapper.of(Settings(master_key_file=file))
    assert str(file) in str(refused.value)
