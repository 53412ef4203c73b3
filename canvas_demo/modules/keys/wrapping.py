"""Data keys at rest: wrapped by the master key, each bound to its organisation and version."""

import base64
import secrets

from cryptography.exceptions import InvalidTag

from canvas_demo.kernel.sealing import KEY_BYTES, Sealer
from canvas_demo.kernel.settings import SettingError, Settings

MAKE_ONE = "openssl rand -base64 32"


class KeyWrapper:
    """Makes data keys of 32 bytes, and wraps and unwraps them."""

    def __init__(self, master_key: bytes) -> None:
        self._sealer = Sealer(master_key)

    @classmethod
    def of(cls, settings: Settings) -> "KeyWrapper":
        """The wrapper under ``master_key_file`` or ``master_key``. Raises `SettingError` where that is no key."""
        name, text = _told(settings)
        if not text:
            raise SettingError(
                f"{name} is not set, or empty. `canvas-demo up` makes a key and keeps it; elsewhere, make one with "
                f"`{MAKE_ONE}` and keep it safe: without it no file can be read again."
            )
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise SettingError(f"{name} is not base64 ({error}). Make one with `{MAKE_ONE}`.") from None
        if len(key) != KEY_BYTES:
            raise SettingError(f"{name} holds {len(key)} bytes; it must hold {KEY_BYTES}. Make one with `{MAKE_ONE}`.")
        return cls(key)

    def new_wrapped_key(self, organization_id: str, key_version: int) -> bytes:
        """A new data key, wrapped."""
        return self._sealer.seal(secrets.token_bytes(KEY_BYTES), _context(organization_id, key_version))

    def unwrap(self, wrapped: bytes, organization_id: str, key_version: int) -> bytes:
        """The data key. Raises `SettingError` where the master key is not the one that wrapped it."""
        try:
            return self._sealer.open(wrapped, _context(organization_id, key_version))
        except InvalidTag as error:
            raise SettingError(
                f"Data key {key_version} of organisation {organization_id} does not unwrap: CANVAS_DEMO_MASTER_KEY "
                "is not the key that wrapped it, or the row was changed. Start with the former master key."
            ) from error


def _told(settings: Settings) -> tuple[str, str]:
    """Where the master key is from, for a person, and the key in base64."""
    if settings.master_key_file is None:
        return "CANVAS_DEMO_MASTER_KEY", settings.master_key.get_secret_value()
    name = f"{settings.master_key_file} (CANVAS_DEMO_MASTER_KEY_FILE)"
    try:
        return name, settings.master_key_file.read_text().strip()
    except (OSError, ValueError) as error:
        raise SettingError(f"The master key can't be read from {name}: {error}.") from error


def _context(organization_id: str, key_version: int) -> str:
    return f"keys/data-key/{organization_id}/{key_version}"
