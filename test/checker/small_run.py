"""A whole run in small, made by hand for the tests of check.py: producers' ledgers, the truth, chains and raw objects, a Delta table with ledgers and quarantine.

Everything is right until a test's hooks spoil it: `landed` (what the chain holds, by entry), `entries` (chain entries before they are written), `rows` (rows of the data files),
`ledger`, `pointers`, `truth`, `notes` (lines of the producers' ledgers) and `after` (all files are there).
"""

import base64
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet as parquet
import zstandard

from identity import HEADER_BYTES, NO_PRODUCER, RECORD, envelope_hash, header_value, value_hash

TOPIC, TOPIC_ID, DATASET = "orders", "Mh5vQ2xKRc6dJ0sW8yTb_A", "d"
CUSTOMER = pyarrow.struct([("country", pyarrow.string()), ("vip", pyarrow.bool_())])
LINES = pyarrow.list_(pyarrow.struct([("sku", pyarrow.string()), ("count", pyarrow.int64())]))
COLUMNS = [
    *(("id", pyarrow.int64()), ("producer", pyarrow.string()), ("sequence", pyarrow.int64()), ("total", pyarrow.float64()), ("note", pyarrow.string())),
    *(("customer", CUSTOMER), ("lines", LINES)),
    *(("_source_topic", pyarrow.string()), ("_source_topic_id", pyarrow.string()), ("_source_partition", pyarrow.int32()), ("_source_offset", pyarrow.int64())),
    ("_source_timestamp", pyarrow.timestamp("us", tz="UTC")),
]
WORDS = {pyarrow.int64(): "long", pyarrow.string(): "string", pyarrow.float64(): "double", pyarrow.bool_(): "boolean", pyarrow.int32(): "integer"}


def delta_type(kind: pyarrow.DataType) -> object:
    if pyarrow.types.is_struct(kind):
        return {"type": "struct", "fields": [{"name": part.name, "type": delta_type(part.type), "nullable": True, "metadata": {}} for part in kind]}
    if pyarrow.types.is_list(kind):
        return {"type": "array", "elementType": delta_type(kind.value_type), "containsNull": True}
    return "timestamp" if pyarrow.types.is_timestamp(kind) else WORDS[kind]


@dataclass(frozen=True)
class Landed:
    """One record. `producer` None: nobody's."""

    offset: int
    producer: str | None
    sequence: int
    value: bytes | None
    timestamp: int = 1_767_225_600_000

    @property
    def key(self) -> bytes:
        return b"%b-%d" % ((self.producer or "?").encode(), self.sequence)

    @property
    def headers(self) -> list[tuple[bytes, bytes | None]]:
        return [(HEADER_BYTES, header_value(self.producer, self.sequence, self.value))] if self.producer else []

    def line(self) -> bytes:
        head: dict = {"offset": self.offset, "timestamp": self.timestamp, "key": self.key.decode()}
        if self.headers:
            head["headers"] = [[name.decode(), (value or b"").decode()] for name, value in self.headers]
        text = json.dumps(head, separators=(",", ":")).encode()[:-1]
        if self.value is None:
            return text + b',"tombstone":true}\n'
        if self.value.startswith(b"{"):
            return text + b',"value":' + self.value + b"}\n"
        return text + b',"valueBase64":"' + base64.b64encode(self.value) + b'"}\n'


def value_of(producer: str, sequence: int) -> bytes | None:
    if sequence == 3:
        return None
    if sequence == 4:
        return b"not json"
    lines = ',"lines":[{"sku":"a","count":1},null]' if sequence == 5 else ""
    customer = "null" if sequence == 6 else '{"country":"DE","vip":true}'
    return f'{{"id":{2**53 + 1 + sequence},"producer":"{producer}","sequence":{sequence},"total":{sequence}.25,"note":"мука {sequence}","customer":{customer}{lines}}}'.encode()


Entries = list[tuple[list[Landed], list[tuple[int, int, str]]]]


def kafka_log(partition: int) -> list[Landed]:
    """Offsets 0 to 21: sequences 0 to 9 of the idempotent producer, 4 of a committed and 4 of an aborted transaction with their markers at 14 and 19, 2 more records."""
    plain, sure = f"plain{partition}", f"sure{partition}"
    log = [Landed(offset, plain, offset, value_of(plain, offset)) for offset in range(10)]
    log += [Landed(10 + number, sure, number, value_of(sure, 20 + number)) for number in range(4)]
    return log + [Landed(20 + number, plain, 10 + number, value_of(plain, 10 + number)) for number in range(2)]


def landed_entries(partition: int) -> Entries:
    log = kafka_log(partition)
    return [(log[:6], []), (log[6:14], [(14, 15, "not_delivered")]), (log[14:], [(15, 20, "not_delivered")])]


@dataclass
class Row:
    partition: int
    record: Landed
    version: int
    changes: dict = field(default_factory=dict)


class SmallRun:
    """Written into `root` by `write`; `arguments` are check.py's."""

    def __init__(self, root: Path, **hooks: Callable):
        self.root, self.hooks = root, hooks
        self.partitions = (0, 1)
        # chain entries that each version of the table takes over
        self.cuts = (2, 3)

    def hook(self, name: str, *given: object) -> None:
        if name in self.hooks:
            self.hooks[name](*given)

    def put(self, key: str, data: bytes | str) -> Path:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def write(self) -> list[str]:
        landed = {partition: landed_entries(partition) for partition in self.partitions}
        self.hook("landed", landed)
        self.write_raw(landed)
        self.write_truth()
        self.write_notes()
        self.write_table(landed)
        self.hook("after", self)
        return self.arguments()

    def arguments(self) -> list[str]:
        root = self.root
        paths = {"raw-url": (root / "raw").as_uri(), "tables-url": (root / "tables").as_uri(), "dataset": DATASET, "topic": TOPIC, "truth": root / "truth", "ledgers": root / "ledgers"}
        paths |= {"snapshots": root / "snapshots", "out": root / "report.json", "workers": 0, "expect-records": 20}
        return [*(text for name, value in paths.items() for text in (f"--{name}", str(value))), "--expect-drained"]

    # --- raw ---

    def entry_key(self, partition: int, seq: int) -> str:
        return f"raw/{TOPIC}/_chain/{TOPIC_ID}/{partition:05d}/{seq:020d}.json"

    def write_raw(self, landed: dict[int, Entries]) -> None:
        start = {"format": 1, "topicId": TOPIC_ID, "topic": TOPIC, "clusterId": "c", "startFrom": "earliest", "partitions": {str(partition): "0" for partition in self.partitions}, "attemptId": "a", "createdAt": ""}
        self.put(f"raw/{TOPIC}/_chain/{TOPIC_ID}/start.json", json.dumps(start))
        for partition, entries in landed.items():
            chain = [self.entry(partition, 0, "claim", 1, 0, 0)]
            end = 0
            for records, gaps in entries:
                high = max([record.offset + 1 for record in records] + [gap[1] for gap in gaps])
                if len(chain) == 3:
                    chain.append(self.entry(partition, 3, "claim", 2, end, end))
                epoch = 2 if len(chain) > 3 else 1
                members = {"objects": [self.raw_object(partition, epoch, records)], "gaps": [{"startOffset": str(low), "endOffset": str(top), "cause": cause} for low, top, cause in gaps]}
                chain.append(self.entry(partition, len(chain), "data", epoch, end, high) | members)
                end = high
            self.hook("entries", partition, chain)
            for seq, entry in enumerate(chain):
                self.put(self.entry_key(partition, seq), json.dumps(entry))

    def entry(self, partition: int, seq: int, kind: str, epoch: int, start: int, end: int) -> dict:
        source = {"clusterId": "c", "topicId": TOPIC_ID, "topic": TOPIC, "partition": partition}
        return {"kind": kind, "format": 1, "seq": str(seq), "attemptId": f"a{seq}", "epoch": str(epoch), "source": source, "startOffset": str(start), "endOffset": str(end), "leaderEpoch": None, "writer": "w", "createdAt": ""}

    def raw_object(self, partition: int, epoch: int, records: list[Landed]) -> dict:
        lines = b"".join(record.line() for record in records)
        data = zstandard.ZstdCompressor(level=1).compress(lines)
        low, high = min(record.offset for record in records), max(record.offset for record in records) + 1
        key = f"{TOPIC}/2026/01/01/00/00/{partition:05d}-{low:020d}-{epoch}-X.jsonl.zst"
        self.put(f"raw/{key}", data)
        times = {"firstTimestamp": records[0].timestamp, "lastTimestamp": records[-1].timestamp}
        return {"key": key, "bytes": len(data), "linesBytes": len(lines), "sha256": hashlib.sha256(data).hexdigest(), "recordCount": len(records), "startOffset": str(low), "endOffset": str(high), **times}

    # --- Kafka and producers ---

    def write_truth(self) -> None:
        names = [name for partition in self.partitions for name in (f"plain{partition}", f"sure{partition}")]
        summary: dict = {"complete": True, "hashMismatches": 0, "partitions": []}
        for partition in self.partitions:
            log = kafka_log(partition)
            self.hook("truth", partition, log)
            rows = [(each.offset, each.timestamp, envelope_hash(each.key, each.headers), value_hash(each.value), each.sequence, names.index(each.producer) if each.producer else NO_PRODUCER) for each in log]
            self.put(f"truth/{TOPIC_ID}-{partition:05d}.records", numpy.array(rows, RECORD).tobytes())
            summary["partitions"].append({"partition": partition, "topicId": TOPIC_ID, "startOffset": 0, "endOffset": 22, "records": len(log)})
        self.put("truth/producers.txt", "".join(f"{name}\n" for name in names))
        self.put("truth/truth.json", json.dumps(summary))

    def write_notes(self) -> None:
        """The transactional producer's third transaction was open when it was killed."""
        for partition in self.partitions:
            for name, mode, batches in ((f"plain{partition}", "idempotent", [(0, 10, "ok"), (10, 12, "ok")]), (f"sure{partition}", "transactional", [(0, 4, "ok"), (4, 8, "fail"), (8, 12, None)])):
                notes: list[dict] = [{"e": "start", "mode": mode, "producer": name}]
                for number, (low, high, outcome) in enumerate(batches):
                    values = [record.value for record in kafka_log(partition) if record.producer == name and low <= record.sequence < high]
                    notes.append({"e": "invoke", "b": number, "from": low, "to": high, "sum": f"{sum(map(value_hash, values)) % 2**64:x}"})
                    if outcome:
                        notes.append({"e": outcome, "b": number})
                self.hook("notes", name, notes)
                self.put(f"ledgers/{name}.ledger", "".join(json.dumps(note) + "\n" for note in notes) + '{"e":"cut off')

    # --- the table ---

    def write_table(self, landed: dict[int, Entries]) -> None:
        rows = [row for partition, entries in landed.items() for row in self.rows_of(partition, entries)]
        self.hook("rows", rows)
        pointers = {partition: [pointer for number, (records, _) in enumerate(entries) for pointer in self.pointers_of(partition, number, records)] for partition, entries in landed.items()}
        previous = None
        snapshots = []
        for version, cut in enumerate(self.cuts):
            taken = {partition: entries[:cut] for partition, entries in landed.items()}
            ledger = self.ledger(version, previous, taken)
            segment = [pointer for partition, entries in taken.items() for pointer in pointers[partition] if pointer["entry"] < len(entries)]
            self.hook("pointers", version, segment)
            text = json.dumps({"format": 1, "pointers": [{name: value for name, value in pointer.items() if name != "entry"} for pointer in segment]}).encode()
            self.put(f"tables/{DATASET}/_millrace/quarantine/S{version}.json", text)
            ledger["quarantineSegments"] = [{"key": f"_millrace/quarantine/S{version}.json", "sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text), "records": str(len(segment))}]
            self.hook("ledger", version, ledger)
            self.put(f"tables/{DATASET}/_millrace/ledger/{ledger['id']}.json", json.dumps(ledger))
            previous = ledger["id"]
            snapshots.append(self.commit(version, ledger, [row for row in rows if row.version == version]))
        self.put("snapshots", "".join(json.dumps(seen) + "\n" for seen in snapshots))

    def rows_of(self, partition: int, entries: Entries) -> list[Row]:
        return [Row(partition, record, next(version for version, cut in enumerate(self.cuts) if number < cut)) for number, (records, _) in enumerate(entries) for record in records if record.value is not None and record.value.startswith(b"{")]

    def pointers_of(self, partition: int, number: int, records: list[Landed]) -> list[dict]:
        low, epoch = min(record.offset for record in records), 2 if number > 1 else 1
        key = f"{TOPIC}/2026/01/01/00/00/{partition:05d}-{low:020d}-{epoch}-X.jsonl.zst"
        return [
            {"entry": number, "rawObject": key, "topicId": TOPIC_ID, "partition": partition, "startLine": line, "endLine": line + 1, "startOffset": str(record.offset), "endOffset": str(record.offset + 1), "records": 1, "stage": "decode", "reason": "not_json", "detail": ""}
            for line, record in enumerate(records)
            if record.value is not None and not record.value.startswith(b"{")
        ]

    def ledger(self, version: int, previous: str | None, taken: dict[int, Entries]) -> dict:
        parts = []
        for partition, entries in taken.items():
            records = [record for batch, _ in entries for record in batch]
            gaps: dict[str, int] = {}
            for _, holes in entries:
                for low, high, cause in holes:
                    gaps[cause] = gaps.get(cause, 0) + high - low
            end = max([record.offset + 1 for record in records] + [high for _, holes in entries for _, high, _ in holes])
            rows = sum(record.value is not None and record.value.startswith(b"{") for record in records)
            dropped = sum(record.value is None for record in records)
            counts = {"committed": str(rows), "quarantined": {"not_json": str(len(records) - rows - dropped)}, "dropped": {"tombstone": str(dropped)}, "gaps": {cause: str(count) for cause, count in gaps.items()}}
            parts.append({"topic": TOPIC, "topicId": TOPIC_ID, "partition": partition, "startOffset": "0", "position": str(end), "seq": "1", **counts})
        return {"format": 1, "id": str(100 + version), "previousId": previous, "partitions": parts}

    def commit(self, version: int, ledger: dict, rows: list[Row]) -> dict:
        path = f"part-{version}.parquet"
        data = self.parquet(rows)
        self.put(f"tables/{DATASET}/{path}", data)
        fields = [{"name": name, "type": delta_type(kind), "nullable": True, "metadata": {"millrace.origin": "provenance"} if name.startswith("_") else {}} for name, kind in COLUMNS]
        positions = {f"{TOPIC_ID}/{part['partition']}": int(part["position"]) for part in ledger["partitions"]}
        actions: list[dict] = [{"commitInfo": {}}]
        if version == 0:
            actions += [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": {"schemaString": json.dumps({"type": "struct", "fields": fields}), "partitionColumns": []}}]
        actions += [{"txn": {"appId": f"millrace/{source}", "version": position}} for source, position in positions.items()]
        actions += [{"txn": {"appId": "millrace/ledger", "version": int(ledger["id"])}}, {"add": {"path": path, "size": len(data), "stats": json.dumps({"numRecords": len(rows)})}}]
        text = "".join(json.dumps(action) + "\n" for action in actions).encode()
        self.put(f"tables/{DATASET}/_delta_log/{version:020d}.json", text)
        return {"version": version, "sha256": hashlib.sha256(text).hexdigest(), "missing": []}

    def parquet(self, rows: list[Row]) -> bytes:
        values = []
        for row in rows:
            value = json.loads(row.record.value or b"{}")
            own = {"_source_topic": TOPIC, "_source_topic_id": TOPIC_ID, "_source_partition": row.partition, "_source_offset": row.record.offset, "_source_timestamp": row.record.timestamp * 1000}
            values.append({**value, **own, **row.changes})
        table = pyarrow.table([pyarrow.array([value.get(name) for value in values], kind) for name, kind in COLUMNS], schema=pyarrow.schema(COLUMNS))
        sink = io.BytesIO()
        parquet.write_table(table, sink, compression="zstd")
        return sink.getvalue()

