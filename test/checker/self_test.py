#!/usr/bin/env python3
"""Do the checkers see what they are there to see? Makes small lakes by hand, breaks them one way at a time, and expects each to be reported."""

import base64
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import pyarrow
import pyarrow.parquet as parquet
import zstandard

import compare_raw
from canonical import canonical_line
from mapping import DataError, Mapping, Mismatch, candidates, name_problems, row_hash, unescape_name
from raw_reader import parse_line, read_topic

HERE = Path(__file__).resolve().parent
TOPIC, TOPIC_ID = "orders", "Mh5vQ2xKRc6dJ0sW8yTb_A"
SOURCE = {"clusterId": "c", "topicId": TOPIC_ID, "topic": TOPIC, "partition": 0}


def line(offset: int, value: bytes | None, key: str | None = "k", timestamp: int | None = 1000) -> bytes:
    head = b'{"offset":%d,"timestamp":%s,"key":%s,' % (offset, json.dumps(timestamp).encode(), json.dumps(key).encode())
    if value is None:
        return head + b'"tombstone":true}\n'
    try:
        value.decode()
        json.loads(value)
        return head + b'"value":' + value + b"}\n"
    except ValueError:
        return head + b'"valueBase64":"' + base64.b64encode(value) + b'"}\n'


def put(root: Path, key: str, data: bytes) -> None:
    (root / key).parent.mkdir(parents=True, exist_ok=True)
    (root / key).write_bytes(data)


class Lake:
    """A chain of one partition: a claim, then one data entry per batch of lines."""

    def __init__(self, batches: list[list[tuple[int, bytes]]]):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.url = self.root.as_uri()
        put(self.root, f"{TOPIC}/_chain/{TOPIC_ID}/start.json", json.dumps({"format": 1, "topicId": TOPIC_ID, "topic": TOPIC, "clusterId": "c", "startFrom": "earliest", "partitions": {"0": "0"}, "attemptId": "a", "createdAt": ""}).encode())
        self.entry(0, {"kind": "claim", "epoch": "1", "startOffset": "0", "endOffset": "0"})
        end = 0
        for seq, batch in enumerate(batches, 1):
            end = self.publish(seq, batch, end)

    def key(self, seq: int) -> str:
        return f"{TOPIC}/_chain/{TOPIC_ID}/00000/{seq:020d}.json"

    def entry(self, seq: int, members: dict) -> None:
        put(self.root, self.key(seq), json.dumps({"format": 1, "seq": str(seq), "attemptId": f"a{seq}", "epoch": "1", "source": SOURCE, "leaderEpoch": None, "writer": "test", "createdAt": "", **members}).encode())

    def publish(self, seq: int, batch: list[tuple[int, bytes]], start: int) -> int:
        lines = b"".join(text for _, text in batch)
        data = zstandard.ZstdCompressor(level=1).compress(lines)
        low, end = batch[0][0], batch[-1][0] + 1
        key = f"{TOPIC}/2026/01/01/00/00/00000-{low:020d}-1-X{seq}.jsonl.zst"
        put(self.root, key, data)
        offsets = {offset for offset, _ in batch}
        gaps = [{"startOffset": str(o), "endOffset": str(o + 1), "cause": "not_delivered"} for o in range(start, end) if o not in offsets]
        raw = {"key": key, "bytes": len(data), "linesBytes": len(lines), "sha256": hashlib.sha256(data).hexdigest(), "recordCount": len(batch), "startOffset": str(low), "endOffset": str(end), "firstTimestamp": 1000, "lastTimestamp": 1000}
        self.entry(seq, {"kind": "data", "startOffset": str(start), "endOffset": str(end), "objects": [raw], "gaps": gaps})
        return end

    def change(self, seq: int, change) -> None:
        data = json.loads((self.root / self.key(seq)).read_text())
        change(data)
        (self.root / self.key(seq)).write_text(json.dumps(data))

    def read(self) -> tuple[dict, list]:
        records: list = []
        return read_topic(self.url, TOPIC, lambda _id, _partition, record, _key: records.append(record)), records


BATCHES = [[(0, line(0, b'{"id":1}')), (1, line(1, b"null")), (3, line(3, b""))], [(4, line(4, None)), (5, line(5, b'{"id": 2 }'))]]


class RawReader(unittest.TestCase):
    def test_reads_values_byte_for_byte_and_tells_three_kinds_of_nothing_apart(self):
        summary, records = Lake(BATCHES).read()
        self.assertEqual(summary["errors"], [])
        self.assertEqual([record.value for record in records], [b'{"id":1}', b"null", b"", None, b'{"id": 2 }'])
        self.assertEqual(len({canonical_line("t", 0, 0, None, None, [], value) for value in (b"null", b"", None, b"{}")}), 4)

    def test_reads_the_vector_of_the_page(self):
        page = (HERE / "../../docs/formats/chain.md").read_text()
        stored = base64.b64decode(page.split("```base64 object\n")[1].split("```")[0])
        records = [parse_line(text) for text in zstandard.decompress(stored).split(b"\n")[:-1]]
        self.assertEqual([record.value for record in records], [b'{"id":9007199254740993,"total":12.50}', b"null", b"", None])
        self.assertEqual(records[0].headers, [(b"trace", b'a"b'), (b"trace", None)])
        self.assertEqual((records[2].key, records[2].headers, records[2].timestamp), (b"\xff\xfe", [(b"bin", b"\x00\xff")], None))

    def test_reports_every_way_to_break_a_chain(self):
        def set_member(name, value):
            return lambda entry: entry.__setitem__(name, value)

        def in_object(name, value):
            return lambda entry: entry["objects"][0].__setitem__(name, value)

        cases = {
            "hash": (1, in_object("sha256", "0" * 64)),
            "size": (1, in_object("bytes", 1)),
            "count": (1, in_object("recordCount", 4)),
            "lines": (1, in_object("linesBytes", 4)),
            "time": (1, in_object("lastTimestamp", 4)),
            "missing object": (2, in_object("key", "orders/2026/01/01/00/00/00000-00000000000000000004-1-Y.jsonl.zst")),
            "uncovered offset": (1, set_member("gaps", [])),
            "hole between entries": (2, set_member("startOffset", "5")),
            "falling epoch": (2, set_member("epoch", "0")),
            "rising epoch": (2, set_member("epoch", "2")),
            "number for an offset": (1, set_member("endOffset", 4)),
            "other partition": (1, set_member("source", {**SOURCE, "partition": 1})),
            "newer format": (1, set_member("format", 2)),
            "newer kind": (1, set_member("kind", "merge")),
            "unknown member": (1, set_member("more", 1)),
            "wrong seq": (1, set_member("seq", "2")),
        }
        for name, (seq, change) in cases.items():
            with self.subTest(name):
                lake = Lake(BATCHES)
                lake.change(seq, change)
                summary, _ = lake.read()
                self.assertEqual(len(summary["errors"]), 1, name)
                self.assertIn("newer" if name.startswith("newer") else "corrupt", summary["errors"][0])

    def test_refuses_lines_that_are_not_as_written(self):
        for text in [b'{"offset":0,"timestamp":1,"value":1}', b'{"offset":0,"timestamp":1,"key":null,"headers":[],"value":1}', b'{"offset":0,"key":null,"timestamp":1,"value":1}', b'{"offset":"0","timestamp":1,"key":null,"value":1}', b'{"offset":0,"timestamp":1,"key":null,"value":"\xff"}', b'{"offset":0,"timestamp":1,"key":null,"valueBase64":"*"}']:
            with self.assertRaises(Exception, msg=text):
                parse_line(text)


class CompareRaw(unittest.TestCase):
    def compare(self, raw: list[str], truth: list[str], before: list[str] = []) -> dict:
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name, lines in (("raw", raw), ("truth", truth), ("before", before)):
                path = Path(folder) / name
                path.write_text("".join(text + "\n" for text in lines))
                paths.append(str(path))
            loaded, again = compare_raw.load([paths[0]])
            return compare_raw.compare(loaded, again, compare_raw.load([paths[1]])[0], compare_raw.load([paths[2]])[0], {})

    def test_counts_each_kind_of_difference(self):
        def at(offset, value=b"v", key=b"k", headers=(), time=5):
            return canonical_line("t", 0, offset, time, key, list(headers), value)

        truth = [at(0), at(1), at(2), at(4)]
        self.assertEqual(self.compare(truth, truth)["differences"], 0)
        (part,) = self.compare([at(0), at(0), at(1, b"x"), at(4), at(9)], truth)["partitions"]
        self.assertEqual([part[name]["count"] for name in ("lost", "duplicate", "altered", "phantom")], [1, 1, 1, 1])
        self.assertEqual(part["lost"]["ranges"], ["[2, 3)"])
        for other in (at(0, key=None), at(0, key=b""), at(0, value=None), at(0, time=6), at(0, headers=[(b"a", b"1")])):
            self.assertEqual(self.compare([other], [at(0)])["differences"], 1)
        self.assertEqual(self.compare([at(0), at(7)], [at(0)], [at(7)])["differences"], 0)

    def test_exempts_null_headers_and_odd_names_only(self):
        def at(headers):
            return canonical_line("t", 0, 0, 1, b"k", headers, b"v")

        truth = at([(b"a", b"1"), (b"n", None), (b"\xff", b"x"), (b"b", b"2")])
        for raw, differences in [([(b"a", b"1"), (b"b", b"2")], 0), ([(b"a", b"1"), (b"n", b""), (b"b", b"2")], 0), ([(b"b", b"2"), (b"a", b"1")], 1), ([(b"a", b"1")], 1)]:
            self.assertEqual(self.compare([at(raw)], [truth])["differences"], differences, raw)
        self.assertEqual(self.compare([at([])], [at([(b"a", b"1")])])["differences"], 1)


def field(name: str, kind: object, **metadata) -> dict:
    return {"name": name, "type": kind, "nullable": True, "metadata": {"millrace." + key: value for key, value in metadata.items()}}


PROVENANCE = [field(name, kind, origin="provenance") for name, kind in [("_source_topic", "string"), ("_source_topic_id", "string"), ("_source_partition", "integer"), ("_source_offset", "long"), ("_source_timestamp", "timestamp")]]


class MappingRules(unittest.TestCase):
    def row(self, fields: list[dict], value: bytes, pk: list[str] | None = None, partition_columns: list[str] | None = None) -> dict:
        return Mapping({"type": "struct", "fields": [*fields, *PROVENANCE]}, partition_columns or [], pk or []).row(TOPIC, TOPIC_ID, 0, 1, 1000, value)

    def test_names_follow_the_page(self):
        for name, column in [("id", "id"), ("a b", "a_x0020_b"), ("a\0b", "a_x0000_b"), ("", "_x_"), ("a.b", "a.b"), ("_x0041_", "_x005F_x0041_"), ("_x_", "_x005F_x_"), ("__proto__", "__proto__")]:
            self.assertEqual(candidates(name)[0], column)
        self.assertEqual(candidates("ID")[1], "_x0049_D")
        self.assertEqual(candidates("Id")[2], "_x0049__x0064_")
        self.assertEqual(candidates("_source_offset")[1], "_x005F_source_offset")
        for name in ["", "_x_", "_x00 41_", "😀 a", "_x005F_x0041_", "\0", "a" * 50, "_X004g_", "__x0041__", " ", "漢 字"]:
            for column in candidates(name):
                self.assertEqual(unescape_name(column), name)
        self.assertEqual(list(name_problems([field("id", "long"), field("_x0049_D", "long")], set())), [])
        self.assertEqual(len(list(name_problems([field("_x0049_D", "long")], set()))), 1)
        self.assertEqual(len(list(name_problems([field("id", "long"), field("ID", "long")], set()))), 1)

    def test_numbers_are_exact_or_refused(self):
        for text, kind, expected in [("9223372036854775807", "long", 2**63 - 1), ("-0", "long", 0), ("1.0", "double", 1.0), ("1e2", "double", 100.0), ("3", "double", 3.0), ("5e-324", "double", 5e-324)]:
            self.assertEqual(self.row([field("f", kind)], b'{"f":%s}' % text.encode())["f"], expected)
        for text, kind in [("9223372036854775808", "long"), ("1e400", "double"), ("9007199254740993", "double")]:
            with self.assertRaises(DataError):
                self.row([field("f", kind)], b'{"f":%s}' % text.encode())
        for text, kind in [("1.0", "long"), ('"1"', "long"), ("1", "string"), ("{}", "long"), ("[]", {"type": "struct", "fields": []})]:
            with self.assertRaises(Mismatch):
                self.row([field("f", kind)], b'{"f":%s}' % text.encode())

    def test_data_errors(self):
        for value in [b"", b"null", b"[]", b"1", b"\xef\xbb\xbf{}", b'{"f":"\\ud800"}', b'{"\\udc00":1}', b'{"f":NaN}', b'{"f":"\xff"}', b"{}{}", b'{"f":' + b"[" * 16 + b"]" * 16 + b"}"]:
            with self.assertRaises(DataError, msg=value):
                self.row([field("f", "string")], value)
        with self.assertRaises(DataError):
            self.row([field("f", "long")], b"{}", pk=["f"])
        with self.assertRaises(LookupError):
            self.row([field("f", "long")], b'{"g":1}')
        self.assertEqual(self.row([field("f", "long")], b'{"g":[{},null],"f":1,"f":2}')["f"], 2)

    def test_derived_and_partition_columns(self):
        fields = [field("a", "string"), field("a_b", "string", origin="derived", partitionKey="c.b"), field("_source_timestamp_hour", "string", origin="derived", partitionKey="hour(_source_timestamp)"), field("c", {"type": "struct", "fields": [field("b", "double")]})]
        row = self.row(fields, b'{"a":"","c":{"b":1.0}}', partition_columns=["a"])
        self.assertEqual((row["a"], row["a_b"], row["_source_timestamp_hour"]), (None, "1.0", "1970-01-01-00"))


def interop(script: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(HERE / "../interop" / script), *arguments], capture_output=True, text=True, check=False)


class WholeTable(unittest.TestCase):
    """A hand-made table over a hand-made chain, read by delta-rs and DuckDB."""

    def setUp(self):
        self.lake = Lake(BATCHES)
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        kinds = [("id", pyarrow.int64()), ("_source_topic", pyarrow.string()), ("_source_topic_id", pyarrow.string()), ("_source_partition", pyarrow.int32()), ("_source_offset", pyarrow.int64()), ("_source_timestamp", pyarrow.timestamp("us", tz="UTC"))]
        self.rows = [[1, TOPIC, TOPIC_ID, 0, 0, 1_000_000], [2, TOPIC, TOPIC_ID, 0, 5, 1_000_000]]
        schema = pyarrow.schema([pyarrow.field(name, kind, metadata={"PARQUET:field_id": str(number)}) for number, (name, kind) in enumerate(kinds, 1)])
        table = pyarrow.table([pyarrow.array(column, kind) for column, (_, kind) in zip(zip(*self.rows), kinds)], schema=schema)
        sink = io.BytesIO()
        parquet.write_table(table, sink, compression="zstd")
        put(self.root, "d/part-0.parquet", sink.getvalue())
        self.size = len(sink.getvalue())
        self.stats = {"numRecords": 2, "minValues": {"id": 1, "_source_topic": TOPIC, "_source_topic_id": TOPIC_ID, "_source_partition": 0, "_source_offset": 0, "_source_timestamp": "1970-01-01T00:00:01.000Z"}, "nullCount": {name: 0 for name, _ in kinds}}
        self.stats["maxValues"] = {**self.stats["minValues"], "id": 2, "_source_offset": 5}  # type: ignore[dict-item]
        self.ledger = {"format": 1, "id": "7", "partitions": [{"topic": TOPIC, "topicId": TOPIC_ID, "partition": 0, "startOffset": "0", "position": "6", "seq": "2", "committed": "2", "quarantined": {"not_object": "1", "not_json": "1"}, "dropped": {"tombstone": "1"}, "gaps": {"not_delivered": "1"}}]}
        self.pointers = [self.pointer(1, 1, "not_object"), self.pointer(3, 2, "not_json")]

    def pointer(self, offset: int, number: int, reason: str) -> dict:
        return {"rawObject": f"{TOPIC}/2026/01/01/00/00/00000-{0:020d}-1-X1.jsonl.zst", "topicId": TOPIC_ID, "partition": 0, "startLine": number, "endLine": number + 1, "startOffset": str(offset), "endOffset": str(offset + 1), "records": 1, "stage": "decode", "reason": reason, "detail": ""}

    def commit(self, fields: list[dict] | None = None) -> None:
        schema = [{**each, "metadata": {**each["metadata"], "millrace.fieldId": number}} for number, each in enumerate(fields or [field("id", "long"), *PROVENANCE], 1)]
        segment = json.dumps({"format": 1, "pointers": self.pointers}).encode()
        put(self.root, "d/_millrace/quarantine/S.json", segment)
        self.ledger["quarantineSegments"] = [{"key": "_millrace/quarantine/S.json", "sha256": hashlib.sha256(segment).hexdigest(), "bytes": len(segment), "records": "2"}]
        put(self.root, "d/_millrace/ledger/7.json", json.dumps(self.ledger).encode())
        actions = [
            {"commitInfo": {"timestamp": 1}},
            {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
            {"metaData": {"id": "x", "format": {"provider": "parquet", "options": {}}, "schemaString": json.dumps({"type": "struct", "fields": schema}), "partitionColumns": [], "configuration": {}, "createdTime": 1}},
            {"txn": {"appId": f"millrace/{TOPIC_ID}/0", "version": 6}},
            {"txn": {"appId": "millrace/ledger", "version": 7}},
            {"add": {"path": "part-0.parquet", "partitionValues": {}, "size": self.size, "modificationTime": 1, "dataChange": True, "stats": json.dumps(self.stats)}},
        ]
        put(self.root, f"d/_delta_log/{0:020d}.json", "".join(json.dumps(action) + "\n" for action in actions).encode())

    def compare(self) -> dict:
        arguments = []
        for engine, script in (("delta-rs", "read_delta_rs.py"), ("duckdb", "read_duckdb.py")):
            done = interop(script, "--url", (self.root / "d").as_uri(), "--out", str(self.root / f"{engine}.tsv"))
            self.assertEqual(done.returncode, 0, done.stderr)
            (self.root / f"{engine}.json").write_text(done.stdout)
            arguments += ["--rows", f"{engine}={self.root}/{engine}.tsv", "--summary", f"{engine}={self.root}/{engine}.json"]
        done = interop("compare_table.py", "--raw-url", self.lake.url, "--tables-url", self.root.as_uri(), "--dataset", "d", "--topic", TOPIC, *arguments)
        self.assertTrue(done.stdout, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(done.returncode, 1 if report["differences"] else 0)
        return report

    def test_agrees_when_all_is_right(self):
        self.commit()
        report = self.compare()
        self.assertEqual(report["differences"], 0, report)
        self.assertEqual(report["expected"], {"rows": 2, "quarantined": {"not_object": 1, "not_json": 1}, "dropped": 1, "pending": 0})

    def test_sees_wrong_statistics(self):
        self.stats["maxValues"]["id"] = 3
        self.stats["nullCount"]["_source_topic"] = 1
        self.commit()
        self.assertEqual(len(self.compare()["statistics"]["part-0.parquet"]), 2)

    def test_sees_a_wrong_ledger_and_pointer(self):
        self.ledger["partitions"][0]["committed"] = "3"
        self.pointers[0]["startLine"], self.pointers[0]["endLine"] = 0, 1
        self.commit()
        self.assertEqual(len(self.compare()["problems"]), 3)

    def test_sees_lost_altered_and_phantom_rows(self):
        self.lake = Lake([[(0, line(0, b'{"id":1}')), (1, line(1, b"null")), (3, line(3, b""))], [(4, line(4, b'{"id":7}')), (5, line(5, b'{"id":3}'))]])
        self.commit()
        report = self.compare()
        for reader in report["readers"]:
            self.assertEqual([reader[name]["count"] for name in ("lost", "phantom", "altered")], [1, 0, 1])


class Hashes(unittest.TestCase):
    def test_hash_tells_values_apart_and_ignores_order_and_nulls(self):
        self.assertEqual(row_hash({"a": 1, "b": None}), row_hash({"b": None, "a": 1}))
        self.assertEqual(len({row_hash({"a": value}) for value in (1, 1.0, "1", True, [1], {"b": 1}, None, 2**53, float(2**53 + 2))}), 9)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
