"""Hold events against what was accepted: what is stored for good has to stay readable for good.

``proto/accepted.json`` says, of every event and every message in one, which fields it has had.
``python proto/accept.py`` says what in ``canvas_demo/contracts`` would break a reader of old events
or an old reader of new ones; ``--write`` accepts what breaks nobody.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor

from canvas_demo.contracts.kernel.v1 import options_pb2
from canvas_demo.kernel.settings import MODULES

ACCEPTED = Path(__file__).parent / "accepted.json"
TYPES = {
    value: name.removeprefix("TYPE_").lower() for name, value in vars(FieldDescriptor).items() if name[:5] == "TYPE_"
}
Events = dict[str, Any]
"""Full name of a message → ``event``: its schema version, or null where it is only part of events; ``fields``."""


def events_files() -> list[FileDescriptor]:
    """The files that say what each module publishes."""
    return [import_module(f"canvas_demo.contracts.{module}.v1.events_pb2").DESCRIPTOR for module in MODULES]


def describe(files: list[FileDescriptor]) -> Events:
    """The events of ``files``, and the messages that are in them."""
    events = [message for file in files for message in file.message_types_by_name.values()]
    described: Events = {event.full_name: _message(event, is_event=True) for event in events}
    for part in _parts(events):
        described.setdefault(part.full_name, _message(part, is_event=False))
    return dict(sorted(described.items()))


def _parts(messages: list[Descriptor]) -> Iterator[Descriptor]:
    for message in messages:
        inner = [field.message_type for field in message.fields if field.message_type]
        yield from inner
        yield from _parts(inner)


def _message(message: Descriptor, *, is_event: bool) -> dict[str, Any]:
    fields = {field.name: _field(field) for field in sorted(message.fields, key=lambda field: field.number)}
    version = message.GetOptions().Extensions[options_pb2.schema_version] or 1
    return {"schema_version": version if is_event else None, "fields": fields}


def _field(field: FieldDescriptor) -> dict[str, Any]:
    kind = field.message_type or field.enum_type
    described: dict[str, Any] = {"number": field.number, "type": kind.full_name if kind else TYPES[field.type]}
    if field.is_repeated:
        described["repeated"] = True
    if field.GetOptions().Extensions[options_pb2.personal]:
        described["personal"] = True
    if field.enum_type:
        described["values"] = {value.name: value.number for value in field.enum_type.values}
    return described


def breaks(accepted: Events, present: Events) -> Iterator[str]:
    """What in ``present`` breaks what was ``accepted``: a sentence each, with what to do instead."""
    for name, message in accepted.items():
        if name not in present:
            yield f"{name} is gone. Events of it are stored: keep the message, and the branch of evolve that reads it."
            continue
        before, now = message["schema_version"] or 1, present[name]["schema_version"] or 1
        if now < before:
            yield f"{name} went from schema_version {before} back to {now}. Versions only grow: use {before} or more."
        yield from _broken_fields(name, message["fields"], present[name]["fields"])


def _broken_fields(message: str, accepted: Events, present: Events) -> Iterator[str]:
    for name, field in accepted.items():
        if name not in present:
            renamed = next((other for other, new in present.items() if new["number"] == field["number"]), None)
            became = f"became {renamed}" if renamed and renamed not in accepted else "is gone"
            yield (
                f"{message}.{name} {became}. Stored events name it: keep it as it was, and add a field beside it; "
                "an upcaster fills that from the old one."
            )
            continue
        for what in sorted(field.keys() | present[name].keys()):
            before, now = field.get(what), present[name].get(what)
            if what == "values":
                yield from _broken_values(f"{message}.{name}", before or {}, now or {})
            elif before != now:
                yield f"{message}.{name}: {what} was {before or False} and is {now or False}. {ADVICE[what]}"


def _broken_values(field: str, accepted: dict[str, int], present: dict[str, int]) -> Iterator[str]:
    for name, number in accepted.items():
        if present.get(name) != number:
            yield f"{field}: the value {name} = {number} is gone or has another number. Stored events name it: keep it."


ADVICE = {
    "number": "Give it its old number back; a new field takes a number that none has had.",
    "type": "Stored events hold the old type: keep it, and add a field of the new type beside it.",
    "repeated": "Stored events hold one or the other: keep it, and add a field beside it.",
    "personal": "What is stored was sealed, or was not, for good: keep the mark, and add a field beside it.",
}


def text_of(events: Events) -> str:
    """``events`` as JSON with a line for each field, so that a change of one is a line of a diff."""
    messages = []
    for name, message in events.items():
        fields = [f"      {json.dumps(field)}: {json.dumps(of)}" for field, of in message["fields"].items()]
        version, lines = json.dumps(message["schema_version"]), ",\n".join(fields)
        messages.append(f'  "{name}": {{\n    "schema_version": {version},\n    "fields": {{\n{lines}\n    }}\n  }}')
    return "{\n" + ",\n".join(messages) + "\n}\n"


def main() -> int:
    """Compare, and accept where that is asked for; how many break."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="accept what is there now, where it breaks nobody")
    write = parser.parse_args().write
    present = describe(events_files())
    accepted = json.loads(ACCEPTED.read_text()) if ACCEPTED.exists() else {}
    broken = list(breaks(accepted, present))
    for sentence in broken:
        print(sentence, file=sys.stderr)
    if write and not broken:
        ACCEPTED.write_text(text_of(present))
    return len(broken)


if __name__ == "__main__":
    sys.exit(main())
