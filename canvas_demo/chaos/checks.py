"""What must hold after a run. Each check is a function of the evidence alone: what it counted, and what is wrong."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from canvas_demo.chaos.evidence import REACT_TO, Evidence, Row
from canvas_demo.chaos.subscriber import View
from canvas_demo.modules.notifications.store import KEEP


@dataclass
class Verdict:
    """A check's result; ``faults`` are sentences, empty where it holds."""

    counted: str
    faults: list[str] = field(default_factory=list)


def commands_once(evidence: Evidence) -> Verdict:
    """Every accepted command is in the outbox exactly once, a refused one not, an unknown one at most once."""
    stored = Counter(row.correlation_id for row in evidence.rows if not row.is_reaction)
    allowed = {"accepted": {1}, "refused": {0}, "unknown": {0, 1}}
    wrong = [
        f"{command.action} {command.correlation_id} was {command.outcome} ({command.answer}), "
        f"and is {stored[command.correlation_id]} times in the outbox"
        for command in evidence.commands
        if stored[command.correlation_id] not in allowed[command.outcome]
    ]
    outcomes = Counter(command.outcome for command in evidence.commands)
    return Verdict(", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())), wrong)


def rows_in_kafka(evidence: Evidence) -> Verdict:
    """Each row of the outboxes is in Kafka at least once."""
    times = Counter(event_id for records in evidence.records.values() for event_id, _ in records)
    lost = [
        f"{row.type} {row.event_id} of {row.subject} is not in Kafka"
        for row in evidence.rows
        if not times[row.event_id]
    ]
    again = sum(count - 1 for count in times.values())
    return Verdict(f"{len(evidence.rows)} rows, {sum(times.values())} records, {again} of them again", lost)


def order_kept(evidence: Evidence) -> Verdict:
    """Of each key the events come in the order of their versions; what comes again comes after its first time."""
    wrong = []
    for subject, records in evidence.records.items():
        first = list(dict.fromkeys(version for _, version in records))
        if first != list(range(1, len(first) + 1)):
            at = next(at for at, version in enumerate(first) if version != at + 1)
            wrong.append(f"{subject}: version {first[at]} came when {at + 1} was due")
    return Verdict(f"{len(evidence.records)} keys", wrong)


def effects_once(evidence: Evidence) -> Verdict:
    """Each event had each effect once: a place in the feed, a change of its item, an organisation's first key."""
    events = [row for row in evidence.rows if row.subject.startswith(REACT_TO["notifications"])]
    wrong = [
        f"{row.type} {row.event_id} was handled {times} times by {module}"
        for module, subjects in REACT_TO.items()
        for row in evidence.rows
        if row.subject.startswith(subjects) and (times := evidence.handled[module].get(row.event_id, 0)) != 1
    ]
    of_subject = Counter(row.subject for row in events)
    wrong += [
        f"{subject} has {count} events, and its feed stands at {evidence.cursors.get(subject, 0)}"
        for subject, count in of_subject.items()
        if evidence.cursors.get(subject, 0) != count
    ]
    wrong += [f"{event_id} has {count} places in the feed" for event_id, count in evidence.fed.items() if count != 1]
    wrong += [f"organisation {id_} has {count} first keys" for id_, count in evidence.data_keys.items() if count != 1]
    wrong += _item_changes(evidence.rows)
    return Verdict(f"{len(events)} events in the feed, {len(evidence.data_keys)} first keys", wrong)


def _item_changes(rows: Sequence[Row]) -> list[str]:
    """Canvases changes an item once for each state that its file comes to after the placing; the last takes it off."""
    states: dict[str, list[str]] = defaultdict(list)
    placed: dict[str, tuple[str, str]] = {}
    changed: Counter[tuple[str, str]] = Counter()
    for row in rows:
        item = str(row.payload.get("item_id"))
        if row.type == "FileDescriptorChanged":
            states[row.subject.partition("/")[2]].append(str(row.payload["status"]))
        elif row.type == "ItemPlaced" and row.payload.get("file_id"):
            placed[item] = (row.payload["file_id"], row.payload["file"]["status"])
        elif row.type == "ItemFileChanged":
            changed[item, row.payload["file"]["status"]] += 1
        elif row.type == "ItemRemoved":
            changed[item, "DELETED"] += 1
    due = {
        (item, status)
        for item, (file, at) in placed.items()
        for status in states[file][states[file].index(at) + 1 if at in states[file] else 0 :]
    }
    return [
        f"item {item}, {status} of its file: it changed {changed[item, status]} times"
        for item, status in sorted(due | changed.keys())
        if changed[item, status] != ((item, status) in due)
    ]


def uploads_whole(evidence: Evidence) -> Verdict:
    """A file that was accepted became UPLOADED once; no other is."""
    uploaded = Counter(
        row.subject.partition("/")[2]
        for row in evidence.rows
        if row.type == "FileDescriptorChanged" and row.payload.get("status") == "UPLOADED"
    )
    wrong = [
        f"file {id_} was accepted, and became UPLOADED {uploaded[id_]} times"
        for id_ in evidence.uploads
        if uploaded[id_] != 1
    ]
    wrong += [f"file {id_} became UPLOADED {count} times" for id_, count in uploaded.items() if count > 1]
    return Verdict(f"{len(evidence.uploads)} accepted", wrong)


def subscribers_told(evidence: Evidence) -> Verdict:
    """Each subscriber saw each event once and in order, or was told that it missed what the feed holds no longer."""
    wrong: list[str] = []
    gaps = seen = 0
    for name, views in evidence.views.items():
        for subject, view in views.items():
            seen += len(view.seen)
            gaps += len(view.told_gaps)
            wrong += [f"{name}, {subject}: {fault}" for fault in _view_faults(view, evidence.cursors.get(subject, 0))]
    wrong += _other_events(evidence)
    return Verdict(f"{len(evidence.views)} subscribers, {seen} frames, {gaps} gaps, all told", wrong)


def _view_faults(view: View, newest: int) -> list[str]:
    if view.first is None:
        return ["was never subscribed"]
    faults, at = [], view.first
    gaps = {gap.had: gap.to for gap in view.told_gaps}
    faults += [
        f"was told of a gap from {gap.had} to {gap.to}, which the feed held"
        for gap in view.told_gaps
        if gap.to <= gap.had + KEEP and not gap.again
    ]
    for frame in view.seen:
        while at in gaps and frame.cursor != at + 1:
            at = gaps.pop(at)
        if frame.cursor != at + 1:
            kind = "again" if frame.cursor <= at else "without what was between"
            faults.append(f"after cursor {at} came {frame.cursor}, {kind}")
        at = max(at, frame.cursor)
    while at in gaps:
        at = gaps.pop(at)
    if at != newest:
        faults.append(f"saw all up to {at}, and the feed stands at {newest}")
    return faults


def _other_events(evidence: Evidence) -> list[str]:
    """Frames whose event is not the one that the outbox has at this place."""
    place = {(row.subject, row.version): row.event_id for row in evidence.rows}
    return [
        f"{name}, {subject}: cursor {frame.cursor} bears event {frame.event_id}, the outbox has another there"
        for name, views in evidence.views.items()
        for subject, view in views.items()
        for frame in view.seen
        if place.get((subject, frame.version)) != frame.event_id or frame.version != frame.cursor
    ]


def tables_agree(evidence: Evidence) -> Verdict:
    """`verify` is clean, and nothing is parked."""
    parked = [f"{evidence.parked} records are parked"] if evidence.parked else []
    return Verdict("every stream folded", [*evidence.differences, *parked])


CHECKS: Mapping[str, Callable[[Evidence], Verdict]] = {
    "accepted commands are in the outbox once": commands_once,
    "outbox rows are in Kafka": rows_in_kafka,
    "order of each key": order_kept,
    "each effect once": effects_once,
    "accepted files are whole": uploads_whole,
    "subscribers saw each event once, in order": subscribers_told,
    "verify": tables_agree,
}


def judge(evidence: Evidence) -> dict[str, Verdict]:
    """What every check says."""
    return {name: check(evidence) for name, check in CHECKS.items()}
