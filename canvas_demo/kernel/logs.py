"""Structured logs: a line of JSON each, on standard output, with its trace and without secrets."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor

from canvas_demo.kernel.settings import CDC_ROLE, MODULES, Settings
from canvas_demo.kernel.trace import trace_or_none

HIDDEN = "[hidden]"
SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|master_?key|credential", re.IGNORECASE)
SECRET_TEXTS = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON Web Token
    r"|(?i:bearer)\s+[\w.~+/=-]{8,}"
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"  # user and password of a URL
)
SECRET_OPTIONS = re.compile(f"{SECRET_NAMES.pattern}|key$|signature", re.IGNORECASE)
"""Of the options of a file storage: access keys have an id, which is none."""
SHORTEST = 8
"""Characters of a secret that is hidden wherever it stands: a shorter one would take parts of words along."""


def configure_logs(settings: Settings, stream: TextIO = sys.stdout) -> None:
    """Write lines of the settings' level and above, with the time in UTC; what other libraries log too."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = [Redactor(own_secrets(settings)), structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.getLogger().handlers = [handler]
    logging.getLogger().setLevel(logging.WARNING)


def own_secrets(settings: Settings) -> set[str]:
    """What must never stand in a log: the secrets of the settings, and the passwords derived from them.

    Not the secret that stands where none was set: everybody knows it, and much is named like it.
    """
    passwords = (settings.database_password(role) for role in (*MODULES, settings.postgres_admin, CDC_ROLE))
    given = (settings.secret.get_secret_value(), settings.master_key.get_secret_value(), _key_in_file(settings))
    options = (value for name, value in settings.files_options.items() if SECRET_OPTIONS.search(name))
    known: SecretStr = Settings.model_fields["secret"].default
    texts = {text for text in (*passwords, *given, *options) if len(text) >= SHORTEST}
    return texts - {known.get_secret_value()}


def _key_in_file(settings: Settings) -> str:
    if settings.master_key_file is None:
        return ""
    try:
        return settings.master_key_file.read_text().strip()
    except (OSError, ValueError):  # it is the module keys that has to read it, and says why it can't
        return ""


class Redactor:
    """Hides values by their names (``token``), by their form (a JWT), and by what they are (a password of ours)."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = "|".join(re.escape(secret) for secret in sorted(secrets, key=len, reverse=True))
        self._texts = re.compile(f"{known}|{SECRET_TEXTS.pattern}" if known else SECRET_TEXTS.pattern)

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401  (structlog's signature)
        """Clean an event before it is rendered."""
        return {name: self._clean(name, value) for name, value in event.items()}

    def _clean(self, name: object, value: Any) -> Any:  # noqa: ANN401  (anything may be logged)
        if SECRET_NAMES.search(str(name)) and value:
            return HIDDEN
        if isinstance(value, dict):
            return {key: self._clean(key, each) for key, each in value.items()}
        if isinstance(value, list | tuple | set):
            return [self._clean("", each) for each in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._texts.sub(HIDDEN, str(value))


def _with_trace(_: Any, __: str, event: EventDict) -> EventDict:  # noqa: ANN401  (structlog's signature)
    """Say to which conversation and trace the line belongs, where it belongs to one."""
    if (trace := trace_or_none()) is not None:
        event.setdefault("trace_id", trace.traceparent[3:35])
        event.setdefault("correlation_id", trace.correlation_id)
    return event
