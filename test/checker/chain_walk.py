"""Reads one chain to its last entry for check.py. Other than raw_reader.follow, which stops at the first fault, this goes on behind it, so that one fault is one verdict.

What could not be read (a missing entry, a missing object) is kept as `unread` ranges: their records are accounted for by that verdict and are not called lost again.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field

import zstandard

from raw_reader import OBJECT, Chain, Corrupt, Newer, Record, check_entry, need, offset_of, parse_any, parse_json, read_gaps
from verdicts import Verdicts

# In one chain; a broken chain must not fill the memory with complaints.
HOLES_MAX = 1_000


@dataclass
class Walk:
    """What one chain says; offsets are half-open ranges."""

    topic_id: str
    partition: int
    start: int
    end: int
    entries: int = 0
    objects: int = 0
    records: int = 0
    claims: int = 0
    closed: bool = False
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    unread: list[tuple[int, int]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


def walk(store, topic: str, topic_id: str, partition: int, start: int, verdicts: Verdicts, emit: Callable[[Record, str], None]) -> Walk:
    """`emit` gets every record with its raw object's key, in the chain's order. Raises Newer."""
    found = Walk(topic_id, partition, start, start)
    folder = f"{topic}/_chain/{topic_id}/{partition:05d}/"
    there = {int(name[len(folder) : -5]) for name in store.keys(folder) if name.endswith(".json") and name[len(folder) : -5].isdigit()}
    before = Chain(start, start)
    for seq in range(max(there, default=-1) + 1):
        key = f"{folder}{seq:020d}.json"
        data = store.get(key)
        if data is None:
            verdicts.add("chain", f"{key} is missing, later entries exist", topicId=topic_id, partition=partition, seq=seq)
            before = Chain(-1, -1, before.entries + 1, epochs=before.epochs)
            need(len(found.unread) < HOLES_MAX, f"{folder}: too many holes")
            continue
        entry = take_entry(data, key, seq, found, before, verdicts)
        if entry is None:
            continue
        end = int(entry["endOffset"])
        take_data(store, entry, key, end, found, verdicts, emit)
        before = Chain(start, end, before.entries + 1, closed=entry["kind"] == "close", epochs=[int(entry["epoch"])])
        found.closed = before.closed
        found.entries += 1
        found.claims += entry["kind"] == "claim"
        found.end = end
    return found


def take_entry(data: bytes, key: str, seq: int, found: Walk, before: Chain, verdicts: Verdicts) -> dict | None:
    """The checked entry; after a fault the entry as it stands, if it can be read at all. After a hole it is believed where it starts."""
    where = {"topicId": found.topic_id, "partition": found.partition, "seq": seq}
    try:
        entry = parse_json(data, key)
        if before.end < 0:
            start, epoch = offset_of(entry["startOffset"], "startOffset"), int(entry["epoch"])
            if start > found.end:
                found.unread.append((found.end, start))
            before.end = before.start = start
            last = before.epochs[-1] if before.epochs else 0
            before.epochs.append(max(last, epoch - (entry["kind"] == "claim")))
        return check_entry(data, key, seq, found.topic_id, found.partition, before)
    except Newer:
        raise
    except (Corrupt, ValueError, KeyError, TypeError) as error:
        verdicts.add(error.kind if isinstance(error, Corrupt) else "chain", str(error), **where)
    try:
        entry = parse_json(data, key)
        int(entry["epoch"]), int(entry["endOffset"]), [int(raw["startOffset"]) for raw in entry.get("objects", [])]
        return entry
    except (Corrupt, ValueError, KeyError, TypeError):
        before.end, before.entries = -1, before.entries + 1
        return None


def take_data(store, entry: dict, key: str, end: int, found: Walk, verdicts: Verdicts, emit: Callable[[Record, str], None]) -> None:
    where = {"topicId": found.topic_id, "partition": found.partition, "key": key}
    start = int(entry["startOffset"])
    try:
        gaps = read_gaps(entry.get("gaps", []), start, end)
        need(entry["kind"] != "gap" or len(gaps) == 1, f"{key}: {len(gaps)} gaps")
    except (Corrupt, ValueError, KeyError, TypeError) as error:
        verdicts.add("chain", str(error), **where)
        gaps = []
    covered = sum(high - low for low, high, _ in gaps)
    position = start
    for raw in entry.get("objects", []):
        try:
            need(set(raw) == OBJECT, f"members {sorted(set(raw) ^ OBJECT)} of an object are missing or too many")
            low, high = offset_of(raw["startOffset"], "object.startOffset"), offset_of(raw["endOffset"], "object.endOffset")
            need(position <= low < high <= end, f"{raw['key']}: [{low}, {high}) is not in order")
            position = high
        except (Corrupt, KeyError, TypeError) as error:
            verdicts.add("chain", str(error), **where)
        covered += raw["recordCount"]
        found.objects += 1
        found.keys.add(raw["key"])
        take_object(store, raw, gaps, found, verdicts, emit)
    if entry["kind"] in ("data", "gap") and covered != end - start:
        verdicts.add("chain", f"records and gaps cover {covered} of {end - start} offsets", **where)
    found.gaps += gaps


def take_object(store, raw: dict, gaps: list, found: Walk, verdicts: Verdicts, emit: Callable[[Record, str], None]) -> None:
    where = {"topicId": found.topic_id, "partition": found.partition, "key": raw["key"]}
    low, high = int(raw["startOffset"]), int(raw["endOffset"])
    data = store.get(raw["key"])
    if data is None:
        verdicts.add("object", f"it is missing, the chain says [{low}, {high})", **where)
        found.unread.append((low, high))
        return
    problems = []
    if len(data) != raw["bytes"]:
        problems.append(f"{len(data)} bytes, the entry says {raw['bytes']}")
    if hashlib.sha256(data).hexdigest() != raw["sha256"]:
        problems.append("SHA-256 differs")
    name = raw["key"].rsplit("/", 1)[-1].split("-", 3)
    if (name[0], name[1]) != (f"{found.partition:05d}", f"{low:020d}"):
        problems.append("its name does not agree with its entry")
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
            text = reader.read()
    except zstandard.ZstdError as error:
        verdicts.add("object", "; ".join([*problems, f"it cannot be decompressed: {error}"]), **where)
        found.unread.append((low, high))
        return
    lines = text.split(b"\n")
    if lines.pop() != b"":
        problems.append("the last line does not end")
    if len(text) != raw["linesBytes"]:
        problems.append(f"{len(text)} bytes of lines, the entry says {raw['linesBytes']}")
    if len(lines) != raw["recordCount"]:
        problems.append(f"{len(lines)} lines, the entry says {raw['recordCount']}")
    del text
    problems += take_lines(lines, raw, low, high, gaps, found, emit)
    if problems:
        verdicts.add("object", "; ".join(problems[:5]), **where)


def take_lines(lines: list[bytes], raw: dict, low: int, high: int, gaps: list, found: Walk, emit: Callable[[Record, str], None]) -> list[str]:
    """Emits the records; returns what is wrong with them as lines of this object."""
    problems: list[str] = []
    times: list[int | None] = []
    key, next_offset = raw["key"], low
    holes = iter([*(span for span in gaps if span[1] > low), (2**63, 2**63, "")])
    hole = next(holes)
    for number, line in enumerate(lines):
        try:
            record = parse_any(line)
        except (Corrupt, ValueError, KeyError, TypeError) as error:
            problems.append(f"line {number}: {error}")
            continue
        offset = record.offset
        if not next_offset <= offset < high:
            problems.append(f"line {number}: offset {offset} is not in [{next_offset}, {high})")
        next_offset = max(next_offset, offset + 1)
        while offset >= hole[1]:
            hole = next(holes)
        if offset >= hole[0]:
            problems.append(f"line {number}: offset {offset} lies in a gap")
        if number in (0, len(lines) - 1):
            times.append(record.timestamp)
        record.line = number
        found.records += 1
        emit(record, key)
    if times and (times[0], times[-1]) != (raw["firstTimestamp"], raw["lastTimestamp"]):
        problems.append("first or last timestamp differs")
    return problems
