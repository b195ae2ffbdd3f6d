#!/usr/bin/env python3
"""A stand-alone reader of landed records, written from docs/formats/chain.md and docs/formats/raw.md alone. Needs the standard library and zstandard.

    raw_reader.py --url file:///lake/raw --topic orders [--out records.tsv] [--jq]

Follows every chain of the topic, checks each rule of the formats, prints a JSON summary and, with --out, one canonical line per record (canonical.py).
Exit status 1 when anything is not as the formats say. --jq also sends every raw object through `jq -c .`.
"""

import argparse
import base64
import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import zstandard

from canonical import canonical_line
from raw_store import open_store

OFFSET = re.compile(r"0|[1-9][0-9]{0,18}")
KINDS = {"claim": set(), "data": {"objects", "gaps"}, "gap": {"gaps", "reason"}, "close": {"reason"}}
COMMON = {"kind", "format", "seq", "attemptId", "epoch", "source", "startOffset", "endOffset", "leaderEpoch", "writer", "createdAt"}
OBJECT = {"key", "bytes", "linesBytes", "sha256", "recordCount", "startOffset", "endOffset", "firstTimestamp", "lastTimestamp"}
CAUSES = {"compacted", "aborted", "control", "expired", "accepted_by_operator", "not_delivered"}
START = {"format", "topicId", "topic", "clusterId", "startFrom", "partitions", "attemptId", "createdAt"}
START_OPTIONAL = {"latest"}


class Corrupt(Exception):
    """Stored bytes are not what the formats allow. `kind` is chain, epoch or object."""

    def __init__(self, why: str, kind: str = "chain"):
        super().__init__(why)
        self.kind = kind


class Newer(Exception):
    """Written by a newer version than this reader knows."""


@dataclass
class Record:
    offset: int
    timestamp: int | None
    key: bytes | None
    headers: list[tuple[bytes, bytes | None]]
    value: bytes | None
    line: int = 0


@dataclass
class Chain:
    """What was seen of one chain; `end` is the next offset."""

    start: int
    end: int
    entries: int = 0
    objects: int = 0
    records: int = 0
    bytes: int = 0
    epochs: list[int] = field(default_factory=list)
    gaps: list[tuple[int, int, str]] = field(default_factory=list)
    closed: bool = False
    errors: list[str] = field(default_factory=list)


def need(condition: bool, why: str, kind: str = "chain") -> None:
    if not condition:
        raise Corrupt(why, kind)


def offset_of(value: object, what: str) -> int:
    need(isinstance(value, str) and OFFSET.fullmatch(value) is not None, f"{what} is not a decimal string: {value!r}")
    return int(value)  # type: ignore[arg-type]


def parse_json(data: bytes, what: str) -> dict:
    try:
        parsed = json.loads(data.decode("utf-8", "strict"))
    except ValueError as error:
        raise Corrupt(f"{what} is not JSON: {error}") from error
    need(isinstance(parsed, dict), f"{what} is not an object")
    if isinstance(parsed.get("format"), (int, float)) and parsed["format"] > 1:
        raise Newer(f"{what} has format {parsed['format']}")
    need(parsed.get("format") == 1, f"{what} has no format 1")
    return parsed


def read_gaps(gaps: object, start: int, end: int) -> list[tuple[int, int, str]]:
    need(isinstance(gaps, list), "gaps is not an array")
    result, position = [], start
    for gap in gaps:  # type: ignore[attr-defined]
        need(isinstance(gap, dict) and set(gap) == {"startOffset", "endOffset", "cause"}, f"a gap has other members: {gap}")
        low, high = offset_of(gap["startOffset"], "gap.startOffset"), offset_of(gap["endOffset"], "gap.endOffset")
        need(position <= low < high <= end, f"gap [{low}, {high}) is not in order inside [{start}, {end})")
        need(gap["cause"] in CAUSES, f"unknown cause {gap['cause']!r}")
        result.append((low, high, gap["cause"]))
        position = high
    return result


def check_entry(data: bytes, key: str, seq: int, topic_id: str, partition: int, before: Chain) -> dict:
    """Shape of one entry (chain.md sections 2 and 3) and its place in the chain (section 6)."""
    entry = parse_json(data, key)
    kind = entry.get("kind")
    if isinstance(kind, str) and kind not in KINDS:
        raise Newer(f"{key} is of the unknown kind {kind!r}")
    need(kind in KINDS, f"{key}: kind is {kind!r}")
    members = COMMON | KINDS[str(kind)]
    need(set(entry) == members, f"{key}: members {sorted(set(entry) ^ members)} missing or too many")
    source = entry["source"]
    need(isinstance(source, dict) and set(source) == {"clusterId", "topicId", "topic", "partition"}, f"{key}: source is {source!r}")
    need(source["topicId"] == topic_id and source["partition"] == partition, f"{key}: source is {source}")
    need(offset_of(entry["seq"], "seq") == seq, f"{key}: seq is {entry['seq']}")
    start, end, epoch = (offset_of(entry[name], name) for name in ("startOffset", "endOffset", "epoch"))
    need(start == before.end, f"{key}: starts at {start}, the chain ended at {before.end}")
    need(end >= start, f"{key}: ends at {end} before its start {start}")
    last_epoch = before.epochs[-1] if before.epochs else 0
    need(epoch == last_epoch + (1 if kind == "claim" else 0), f"{key}: epoch {epoch} after {last_epoch} in a {kind}", "epoch")
    need(kind == "claim" or before.entries > 0, f"{key}: the first entry is a {kind}")
    need(kind == "claim" or not before.closed, f"{key}: {kind} after a close")
    if kind in ("claim", "close"):
        need(start == end, f"{key}: a {kind} covers offsets")
    for name in ("attemptId", "writer", "createdAt"):
        need(isinstance(entry[name], str), f"{key}: {name} is not a string")
    leader = entry["leaderEpoch"]
    need(leader is None or (type(leader) is int and leader >= 0), f"{key}: leaderEpoch is {leader!r}")
    return entry


def read_lines(data: bytes, entry_object: dict, partition: int) -> Iterator[bytes]:
    """Lines of a raw object, each without its LF, after all checks of chain.md section 2."""
    key = entry_object["key"]
    need(len(data) == entry_object["bytes"], f"{key}: {len(data)} bytes, the entry says {entry_object['bytes']}")
    need(hashlib.sha256(data).hexdigest() == entry_object["sha256"], f"{key}: SHA-256 differs")
    name = key.rsplit("/", 1)[-1].split("-", 3)
    need(int(name[0]) == partition and int(name[1]) == int(entry_object["startOffset"]), f"{key}: its name does not agree with its entry")
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        lines = reader.read()
    need(len(lines) == entry_object["linesBytes"], f"{key}: {len(lines)} bytes of lines, the entry says {entry_object['linesBytes']}")
    need(lines.endswith(b"\n"), f"{key}: the last line does not end")
    parts = lines.split(b"\n")[:-1]
    need(len(parts) == entry_object["recordCount"], f"{key}: {len(parts)} lines, the entry says {entry_object['recordCount']}")
    return iter(parts)


MARK = b'"value":'


def parse_line(line: bytes) -> Record:
    """One raw line (raw.md). The original value's bytes stand between the first `"value":` and the final `}`."""
    need(line.startswith(b'{"offset":') and line.endswith(b"}"), f"a line is {line[:80]!r}")
    mark = line.find(MARK)
    if mark >= 0:
        value: bytes | None = line[mark + len(MARK) : -1]
        head = json.loads(line[:mark].decode("utf-8", "strict") + '"value":0}')
        need(b"\r" not in value and not value.startswith(b"\xef\xbb\xbf"), "a value with CR or BOM is not in base64")  # type: ignore[operator, union-attr]
        value.decode("utf-8", "strict")  # type: ignore[union-attr]
    else:
        head = json.loads(line.decode("utf-8", "strict"))
        if head.get("tombstone") is True:
            value = None
        else:
            value = base64.b64decode(head["valueBase64"], validate=True)
    last = "value" if mark >= 0 else "tombstone" if value is None else "valueBase64"
    key_name = "keyBase64" if "keyBase64" in head else "key"
    names = ["offset", "timestamp", key_name] + (["headers"] if "headers" in head else []) + [last]
    need(list(head) == names, f"members are {list(head)}, not {names}")
    need(type(head["offset"]) is int and (head["timestamp"] is None or type(head["timestamp"]) is int), "offset or timestamp is not an integer")
    key = None if head[key_name] is None else base64.b64decode(head[key_name], validate=True) if key_name == "keyBase64" else head[key_name].encode()
    headers = []
    for name, header in head.get("headers", []):
        headers.append((name.encode(), None if header is None else base64.b64decode(header["base64"], validate=True) if isinstance(header, dict) else header.encode()))
    need("headers" not in head or len(headers) > 0, "headers is there but empty")
    return Record(head["offset"], head["timestamp"], key, headers, value)


PLAIN = re.compile(rb'\{"offset":(0|[1-9][0-9]{0,18}),"timestamp":(null|-?[0-9]+),"key":(?:null|"([^"\\\x00-\x1f]*)")(?:,"headers":\[\["([^"\\\x00-\x1f]*)","([^"\\\x00-\x1f]*)"\]\])?,"value":')


def parse_any(line: bytes) -> Record:
    """The same as `parse_line`, several times faster for a line without escapes, base64 and with one header at most."""
    match = PLAIN.match(line)
    if match is None or line[-1] != 0x7D or b"\r" in line:
        return parse_line(line)
    line.decode("utf-8", "strict")
    offset, timestamp, key, name, header = match.groups()
    value = line[match.end() : -1]
    need(not value.startswith(b"\xef\xbb\xbf"), "a value with BOM is not in base64")
    return Record(int(offset), None if timestamp == b"null" else int(timestamp), key, [] if name is None else [(name, header)], value)


def jq_reads(data: bytes, lines: int) -> None:
    """`zstd -dc | jq -c .` reads every line."""
    text = subprocess.run(["zstd", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    jq = subprocess.run(["jq", "-c", "."], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    need(jq.returncode == 0, f"jq fails: {jq.stderr[:300].decode(errors='replace')}")
    need(jq.stdout.count(b"\n") == lines, f"jq prints {jq.stdout.count(10)} lines of {lines}")


def follow(store, topic: str, topic_id: str, partition: int, start: int, emit: Callable[[Record, str], None], jq: bool) -> Chain:
    """Follows one chain to its end and hands each record with its raw object's key to `emit`. A problem ends the chain and stands in `errors`."""
    chain = Chain(start, start)
    seq = 0
    try:
        while True:
            key = f"{topic}/_chain/{topic_id}/{partition:05d}/{seq:020d}.json"
            data = store.get(key)
            if data is None:
                return chain
            entry = check_entry(data, key, seq, topic_id, partition, chain)
            end = int(entry["endOffset"])
            gaps = read_gaps(entry.get("gaps", []), chain.end, end)
            covered = sum(high - low for low, high, _ in gaps)
            if entry["kind"] == "gap":
                need(len(gaps) == 1, f"{key}: {len(gaps)} gaps")
            position = chain.end
            for raw in entry.get("objects", []):
                position = read_object(store, raw, partition, position, end, gaps, emit, jq)
                covered += raw["recordCount"]
                chain.objects += 1
                chain.records += raw["recordCount"]
                chain.bytes += raw["bytes"]
            need(covered == end - chain.end, f"{key}: records and gaps cover {covered} of {end - chain.end} offsets")
            chain.gaps += gaps
            chain.closed = entry["kind"] == "close"
            if entry["kind"] == "claim":
                chain.epochs.append(int(entry["epoch"]))
            chain.end = end
            chain.entries += 1
            seq += 1
    except Newer as error:
        chain.errors.append(f"newer: {error}")
    except (Corrupt, ValueError, KeyError, TypeError, zstandard.ZstdError) as error:
        chain.errors.append(f"corrupt: {type(error).__name__}: {error}")
    return chain


def read_object(store, raw: dict, partition: int, position: int, end: int, gaps: list, emit: Callable[[Record, str], None], jq: bool) -> int:
    need(set(raw) == OBJECT, f"members {sorted(set(raw) ^ OBJECT)} of an object are missing or too many")
    low, high = offset_of(raw["startOffset"], "object.startOffset"), offset_of(raw["endOffset"], "object.endOffset")
    need(position <= low < high <= end, f"{raw['key']}: [{low}, {high}) is not in order")
    data = store.get(raw["key"])
    need(data is not None, f"{raw['key']} is missing")
    first = last = None
    next_offset = low
    for number, line in enumerate(read_lines(data, raw, partition)):
        try:
            record = parse_line(line)
        except (Corrupt, ValueError, KeyError, TypeError) as error:
            raise Corrupt(f"{raw['key']} line {number}: {error}") from error
        need(next_offset <= record.offset < high, f"{raw['key']} line {number}: offset {record.offset} is not in [{next_offset}, {high})")
        next_offset = record.offset + 1
        need(not any(a <= record.offset < b for a, b, _ in gaps), f"{raw['key']}: offset {record.offset} lies in a gap")
        record.line = number
        first, last = first or record, record
        emit(record, raw["key"])
    need(first is not None and (first.timestamp, last.timestamp) == (raw["firstTimestamp"], raw["lastTimestamp"]), f"{raw['key']}: timestamps differ")
    if jq:
        jq_reads(data, raw["recordCount"])
    return high


def chains_of(store, topic: str) -> dict[str, tuple[dict, list[int]]]:
    """Topic ids of a topic, each with its start.json and the partitions that have a chain."""
    found: dict[str, set[int]] = {}
    for key in store.keys(f"{topic}/_chain/"):
        parts = key[len(f"{topic}/_chain/") :].split("/")
        partitions = found.setdefault(parts[0], set())
        if len(parts) == 3 and parts[1].isdigit():
            partitions.add(int(parts[1]))
    result = {}
    for topic_id, partitions in sorted(found.items()):
        data = store.get(f"{topic}/_chain/{topic_id}/start.json")
        if data is None:
            raise Corrupt(f"{topic}/_chain/{topic_id}/start.json is missing")
        start = parse_json(data, "start.json")
        need(set(start) - START_OPTIONAL == START and start["topicId"] == topic_id and start["topic"] == topic, f"start.json of {topic_id}: {start}")
        result[topic_id] = (start, sorted(partitions))
    return result


def read_topic(url: str, topic: str, emit: Callable[[str, int, Record, str], None], jq: bool = False) -> dict:
    """Reads all chains of a topic. Returns a summary; `errors` in it is empty when everything is as the formats say."""
    store = open_store(url)
    summary: dict = {"topic": topic, "chains": [], "errors": []}
    for topic_id, (start, partitions) in chains_of(store, topic).items():
        for partition in partitions:
            first = offset_of(start["partitions"].get(str(partition), "0"), "start offset")
            chain = follow(store, topic, topic_id, partition, first, lambda record, key: emit(topic_id, partition, record, key), jq)
            summary["chains"].append({"topicId": topic_id, "partition": partition, **chain.__dict__})
            summary["errors"] += [f"{topic_id}/{partition}: {error}" for error in chain.errors]
    return summary


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    arguments.add_argument("--url", required=True, help="MILLRACE_RAW_URL")
    arguments.add_argument("--topic", required=True)
    arguments.add_argument("--out", help="file for canonical lines")
    arguments.add_argument("--jq", action="store_true", help="send every raw object through `jq -c .`")
    given = arguments.parse_args()
    out = open(given.out, "w", encoding="utf-8") if given.out else None

    def emit(topic_id: str, partition: int, record: Record, _key: str) -> None:
        if out:
            out.write(canonical_line(topic_id, partition, record.offset, record.timestamp, record.key, record.headers, record.value) + "\n")

    try:
        summary = read_topic(given.url, given.topic, emit, given.jq)
    except (Corrupt, Newer) as error:
        summary = {"topic": given.topic, "chains": [], "errors": [str(error)]}
    finally:
        if out:
            out.close()
    print(json.dumps(summary))
    return 1 if summary["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
