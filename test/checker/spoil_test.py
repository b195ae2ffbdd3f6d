#!/usr/bin/env python3
"""Does check.py see what it is there to see? A small run is spoiled in one way at a time, and exactly the verdicts of that way must come out."""

import contextlib
import io
import json
import tempfile
import unittest
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow

import check
from raw_reader import parse_any, parse_line
from row_text import Leaf, hash_rows
from small_run import DATASET, TOPIC, TOPIC_ID, Landed, SmallRun, value_of


def verdict(more: list[str] | None = None, **hooks: Callable) -> tuple[int, dict, dict[str, set[str]]]:
    """Exit status, report, and the kinds found with where they were found."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        arguments = SmallRun(Path(folder), **hooks).write()
        status = check.main([*arguments, *(text.format(root=folder) for text in more or [])])
        report = json.loads((Path(folder) / "report.json").read_text())
    found = {kind: {str(example.get("where", "")) for example in said["examples"]} for kind, said in report["verdicts"].items() if said["count"]}
    return status, report, found


def change_record(entry: int, place: int, **changes: object):
    def change(landed: dict) -> None:
        records = landed[0][entry][0]
        records[place] = replace(records[place], **changes)

    return change


def drop_record(gaps: list[tuple[int, int, str]], place: int = 3):
    """Of the entry over [6, 15)."""

    def change(landed: dict) -> None:
        records, _ = landed[0][1]
        del records[place]
        landed[0][1] = (records, [*gaps, (14, 15, "not_delivered")])

    return change


def land_aborted(record: Landed):
    """In the place of one of the aborted offsets 15 to 18."""

    def change(landed: dict) -> None:
        records, _ = landed[0][2]
        gaps = [span for span in ((15, record.offset, "not_delivered"), (record.offset + 1, 20, "not_delivered")) if span[0] < span[1]]
        landed[0][2] = ([record, *records], gaps)

    return change


def swap(landed: dict) -> None:
    records = landed[0][0][0]
    one, two = records[0], records[1]
    records[0], records[1] = replace(two, offset=one.offset), replace(one, offset=two.offset)


def reverse_lines(landed: dict) -> None:
    records = landed[0][0][0]
    records[0], records[1] = records[1], records[0]


def double_line(landed: dict) -> None:
    records = landed[0][0][0]
    records.insert(1, records[0])


def in_object(name: str, value: object):
    def change(partition: int, chain: list[dict]) -> None:
        if partition == 0:
            chain[1]["objects"][0][name] = value

    return change


def in_entry(seq: int, name: str, value: object):
    def change(partition: int, chain: list[dict]) -> None:
        if partition == 0:
            chain[seq][name] = value

    return change


def remove(key: str):
    return lambda run: (run.root / key).unlink()


def change_text(key: str, old: str, new: str):
    def change(run: SmallRun) -> None:
        text = (run.root / key).read_text()
        assert old in text
        (run.root / key).write_text(text.replace(old, new, 1))

    return change


def drop_entry(run: SmallRun) -> None:
    (run.root / run.entry_key(0, 2)).unlink()


def in_ledger(name: str, value: object):
    def change(version: int, ledger: dict) -> None:
        if version == 1:
            ledger["partitions"][0][name] = value

    return change


def note_more(name: str, *more: dict):
    def change(producer: str, notes: list[dict]) -> None:
        if producer == name:
            notes.extend(more)

    return change


def forget_fourth(run: SmallRun) -> None:
    """The truth watcher met an acknowledged record's header with another hash."""
    change_text("truth/truth.json", '"hashMismatches": 0', '"hashMismatches": 1')(run)


def sample(**members: object):
    return lambda run: run.put("samples", json.dumps({"t": 1, "service": "phase2-1", "rssBytes": 100, "openFiles": 10, **members}) + "\n")


TOLD = "".join(f'{name}{{dataset="d"}} 1\n' for name in ("millrace_quarantined_records_total", "millrace_dropped_records_total", "millrace_landed_records_total", "millrace_committed_records_total", "millrace_landed_gap_offsets_total"))
ABORTED = Landed(15, "sure0", 4, (value_of("sure0", 24) or b"").replace(b'"sequence":24', b'"sequence":4'))
OPEN = Landed(15, "sure0", 8, value_of("sure0", 28))
NOBODYS = Landed(15, None, 0, value_of("nobody", 30))

CASES: list[tuple[str, dict[str, set[str]], dict, list[str]]] = [
    ("gap over a real record", {"lost": {"raw"}, "acknowledged_missing": {"raw"}}, {"landed": drop_record([(9, 10, "not_delivered")])}, []),
    ("lost without a gap", {"lost": {"raw"}, "acknowledged_missing": {"raw"}, "chain": {""}, "ledger": {""}}, {"landed": drop_record([])}, []),
    ("lost in the table", {"lost": {"table"}}, {"rows": lambda rows: rows.pop(2)}, []),
    ("doubled in raw", {"duplicate": {"raw"}, "object": {""}, "chain": {""}, "ledger": {""}}, {"landed": double_line, "rows": lambda rows: rows.pop(0)}, []),
    ("doubled in the table", {"duplicate": {"table"}}, {"rows": lambda rows: rows.append(rows[1])}, []),
    ("swapped", {"out_of_order": {"raw"}, "acknowledged_missing": {"raw"}}, {"landed": swap}, []),
    ("lines in another order", {"out_of_order": {"raw"}, "object": {""}}, {"landed": reverse_lines}, []),
    ("a raw byte altered", {"altered": {"raw"}, "acknowledged_missing": {"raw"}}, {"landed": change_record(0, 1, value=value_of("plain0", 1).replace(b"1.25", b"1.26"))}, []),  # type: ignore[union-attr]
    ("a raw time altered", {"altered": {"raw"}, "acknowledged_missing": {"raw"}}, {"landed": change_record(0, 1, timestamp=1_767_225_600_001)}, []),
    ("a raw key and header altered", {"altered": {"raw"}, "acknowledged_missing": {"raw"}}, {"landed": change_record(0, 1, sequence=77)}, []),
    ("a tombstone landed as an empty value", {"altered": {"raw"}, "acknowledged_missing": {"raw"}}, {"landed": change_record(0, 3, value=b"")}, []),
    *[
        (f"a table value altered: {name}", {"altered": {"table"}}, {"rows": lambda rows, name=name, value=value: rows[place_of(name)].changes.update({name: value})}, [])
        for name, value in [("id", 2**53), ("total", 1.2500000000000002), ("note", "мука 1 "), ("customer", {"country": "DE", "vip": None}), ("customer", None), ("lines", [{"sku": "a", "count": 1}]), ("_source_timestamp", 1_767_225_600_000_001)]
    ],
    ("a row at another offset", {"lost": {"table"}, "phantom": {"table"}}, {"rows": lambda rows: rows[1].changes.update({"_source_offset": 14})}, []),
    ("aborted in raw", {"aborted_read": {"raw"}}, {"landed": land_aborted(ABORTED)}, []),
    ("open when killed, in raw", {"aborted_read": {"raw"}}, {"landed": land_aborted(OPEN)}, []),
    ("aborted in the table", {"aborted_read": {"table"}}, {"rows": lambda rows: rows.append(replace(rows[-1], partition=0, record=ABORTED))}, []),
    ("aborted in Kafka's committed log", {"aborted_read": {"truth"}}, {"notes": lambda name, notes: notes[2].update(e="fail") if name == "sure0" else None}, []),
    ("phantom in raw", {"phantom": {"raw"}}, {"landed": land_aborted(NOBODYS)}, []),
    ("a chain entry is missing", {"chain": {""}, "acknowledged_missing": {"raw"}}, {"after": drop_entry}, []),
    ("the epoch falls", {"epoch": {""}}, {"entries": in_entry(4, "epoch", "1")}, []),
    ("the epoch rises without a claim", {"epoch": {""}}, {"entries": in_entry(1, "epoch", "2")}, []),
    ("entries do not meet", {"chain": {""}}, {"entries": in_entry(2, "startOffset", "5")}, []),
    ("SHA-256", {"object": {""}}, {"entries": in_object("sha256", "0" * 64)}, []),
    ("size", {"object": {""}}, {"entries": in_object("bytes", 1)}, []),
    ("count", {"object": {""}, "chain": {""}}, {"entries": in_object("recordCount", 7)}, []),
    ("a raw object is missing", {"object": {""}, "acknowledged_missing": {"raw"}}, {"after": remove(f"raw/{TOPIC}/2026/01/01/00/00/00000-{0:020d}-1-X.jsonl.zst")}, []),
    ("ledger: rows", {"ledger": {""}}, {"ledger": in_ledger("committed", "15")}, []),
    ("ledger: the sum is right, its parts are not", {"ledger": {""}}, {"ledger": lambda version, ledger: ledger["partitions"][0].update(committed="13", dropped={"tombstone": "2"})}, []),
    ("ledger: cause", {"ledger": {""}}, {"ledger": in_ledger("gaps", {"compacted": "6"})}, []),
    ("ledger is missing", {"ledger": {""}}, {"after": remove(f"tables/{DATASET}/_millrace/ledger/100.json")}, []),
    ("a snapshot is no prefix", {"snapshot": {"table"}}, {"rows": lambda rows: setattr(rows[-1], "version", 0)}, []),
    ("a commit was written again", {"snapshot": {""}}, {"after": change_text("snapshots", '"sha256": "', '"sha256": "0')}, []),
    ("a commit named a file that was not there", {"snapshot": {""}}, {"after": change_text("snapshots", '"missing": []', '"missing": ["part-0.parquet"]')}, []),
    ("a data file is missing", {"file": {""}, "lost": {"table"}}, {"after": remove(f"tables/{DATASET}/part-1.parquet")}, []),
    ("an acknowledged write is missing", {"acknowledged_missing": {"truth"}}, {"notes": note_more("plain0", {"e": "invoke", "b": 2, "from": 12, "to": 14, "sum": "0"}, {"e": "ok", "b": 2})}, []),
    ("half a transaction", {"truth": {""}}, {"notes": lambda name, notes: notes[2].update(e="unknown") if name == "sure0" else None, "truth": lambda partition, log: log.pop(13) if partition == 0 else None, "landed": drop_record([(13, 14, "not_delivered")], 7)}, []),
    ("values are not those that were produced", {"truth": {""}}, {"notes": lambda name, notes: notes[1].update(sum="1")}, []),
    ("a header has another hash", {"truth": {""}}, {"after": forget_fourth}, []),
    ("a pointer is missing", {"quarantine": {"table"}}, {"pointers": lambda version, pointers: pointers.pop(0)}, []),
    ("a pointer names another line", {"quarantine": {""}}, {"pointers": lambda version, pointers: pointers[0].update(startLine=0, endLine=1)}, []),
    ("a good record is set aside", {"quarantine": {"table"}}, {"pointers": lambda version, pointers: pointers.append({**pointers[0], "startOffset": "0", "endOffset": "1", "startLine": 0, "endLine": 1}), "rows": lambda rows: rows.pop(0)}, []),
    ("a row is set aside as well", {"quarantine": {"table"}}, {"pointers": lambda version, pointers: pointers.append({**pointers[0], "startOffset": "0", "endOffset": "1", "startLine": 0, "endLine": 1})}, []),
    ("a pointer to no record", {"quarantine": {"table"}}, {"pointers": lambda version, pointers: pointers.append({**pointers[0], "startOffset": "14", "endOffset": "15"})}, []),
    ("too few", {"too_few": {""}}, {}, ["--expect-records", "33"]),
    ("orphans", {"orphans": {""}}, {"after": lambda run: run.put(f"tables/{DATASET}/part-9.parquet", b"")}, ["--orphans-max", "0"]),
    ("the law differs for a moment", {"metrics": {""}}, {"after": sample(text=f'{TOLD}millrace_reconciliation_difference{{dataset="d"}} 2\n')}, ["--metrics", "{root}/samples"]),
    ("a state without its metric", {"metrics": {""}}, {"after": sample(text=TOLD.replace('dropped_records_total{dataset="d"} 1', 'dropped_records_total{dataset="d"} 0'))}, ["--metrics", "{root}/samples"]),
    ("an accepted loss that no metric had told of", {"metrics": {""}}, {"after": sample(text=TOLD), "landed": drop_record([(9, 10, "expired")])}, ["--metrics", "{root}/samples"]),
    ("memory", {"resources": {""}}, {"after": sample()}, ["--resources", "{root}/samples", "--rss-max", "99"]),
    ("descriptors", {"resources": {""}}, {"after": sample(fds=10)}, ["--resources", "{root}/samples", "--files-max", "9"]),
]


def place_of(name: str) -> int:
    """The row of sequence 1, or for lists the one that has a list (3 and 4 are no rows)."""
    return 3 if name == "lines" else 1


class Spoiled(unittest.TestCase):
    def test_nothing_is_wrong_when_nothing_is(self):
        status, report, found = verdict(["--expect-records", "32", "--orphans-max", "0", "--metrics", "{root}/samples", "--resources", "{root}/samples", "--rss-max", "100"], after=sample(text=TOLD))
        self.assertEqual((status, found), (0, {}), report)
        self.assertEqual((report["recordsCompared"], report["rowsCompared"], report["snapshotsSeen"], report["ledgersRead"]), (32, 28, 2, 2))
        self.assertEqual({name: report["producers"][name] for name in ("ok", "fail", "unknown", "unknownInKafka")}, {"ok": 32, "fail": 8, "unknown": 8, "unknownInKafka": 0})

    def test_each_way_to_spoil_a_run_gives_its_own_verdicts(self):
        for name, wanted, hooks, more in CASES:
            with self.subTest(name):
                status, report, found = verdict(more, **hooks)
                self.assertEqual((status, found), (1, wanted), {kind: said for kind, said in report["verdicts"].items() if said["count"]})

    def test_what_an_operator_accepted_is_counted_and_is_no_loss(self):
        status, report, found = verdict(landed=drop_record([(9, 10, "accepted_by_operator")]))
        self.assertEqual((status, found, report["acceptedLoss"]), (0, {}, 1))

    def test_examples_name_the_very_offset(self):
        _, report, _ = verdict(landed=drop_record([(9, 10, "compacted")]))
        (example,) = report["verdicts"]["lost"]["examples"]
        self.assertEqual((example["topicId"], example["partition"], example["offsets"], example["gaps"]), (TOPIC_ID, 0, ["[9, 10)"], ["[9, 10) compacted"]))

    def test_a_table_that_lags_is_pending_only_when_it_should_be_drained(self):
        def lag(run: SmallRun) -> None:
            (run.root / f"tables/{DATASET}/_delta_log/{1:020d}.json").unlink()
            (run.root / "snapshots").write_text((run.root / "snapshots").read_text().split("\n")[0] + "\n")

        _, report, found = verdict(after=lag)
        self.assertEqual((found, report["verdicts"]["pending"]["count"]), ({"pending": {""}}, 14))

    def test_a_rewrite_may_only_put_back_what_it_takes(self):
        def rewrite(keep: int):
            def change(run: SmallRun) -> None:
                import pyarrow.parquet as parquet

                folder = run.root / "tables" / DATASET
                table = parquet.read_table(folder / "part-0.parquet").slice(0, keep)
                parquet.write_table(table, folder / "part-2.parquet")
                size = (folder / "part-2.parquet").stat().st_size
                actions = [{"commitInfo": {}}, {"remove": {"path": "part-0.parquet"}}, {"add": {"path": "part-2.parquet", "size": size, "stats": json.dumps({"numRecords": keep})}}]
                (folder / f"_delta_log/{2:020d}.json").write_text("".join(json.dumps(action) + "\n" for action in actions))

            return change

        self.assertEqual(verdict(after=rewrite(24))[2], {})
        self.assertEqual(verdict(after=rewrite(23))[2], {"lost": {"table"}, "snapshot": {"table"}})

    def test_hashes_tell_values_apart_and_ignore_the_sign_of_zero(self):
        double = Leaf(("f",), "double", "data", None, False)
        minus, plus, small, none = hash_rows([double], [pyarrow.array([-0.0, 0.0, 5e-324, None])], 4).tolist()
        self.assertEqual((minus == plus, len({plus, small, none})), (True, 3))
        text = Leaf(("s",), "string", "data", None, False)
        self.assertEqual(len(set(hash_rows([text, text], [pyarrow.array(["a", "a|1:b", "~", None]), pyarrow.array(["b", None, None, "~"])], 4).tolist())), 4)

    def test_the_fast_line_reader_reads_as_the_strict_one(self):
        page = (Path(__file__).resolve().parent / "../../docs/formats/raw.md").read_text()
        for text in page.split("```jsonl vectors\n")[1].split("```")[0].strip().split("\n"):
            line = json.loads(text)["line"].encode()[:-1]
            self.assertEqual(parse_any(line), parse_line(line))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
