#!/usr/bin/env python3
"""Compares what engines read of a table with a second implementation of the mapping over the raw lines, and checks statistics, ledger and quarantine.

    compare_table.py --raw-url URL --tables-url URL --dataset NAME --topic TOPIC [--pk id,...] --rows engine=rows.tsv ... --summary engine=summary.json ...
                     [--breaking-quarantined]

Prints a JSON report; exit status 1 when anything differs.
"""

import argparse
import io
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checker"))
from delta_log import Table, read_ledger, read_table  # noqa: E402
from mapping import DataError, Mapping, Mismatch, row_hash  # noqa: E402
from raw_reader import read_topic  # noqa: E402
from raw_store import open_store  # noqa: E402
from reader_output import type_text  # noqa: E402
from statistics_check import check_file  # noqa: E402

EXAMPLES_MAX = 8
Identity = tuple[str, int, int]


class Expected:
    """What the mapping says of every raw record inside the table's positions."""

    def __init__(self, mapping: Mapping, topic: str, ranges: dict[tuple[str, int], tuple[int, int]], quarantine_mismatch: bool):
        self.mapping, self.topic, self.ranges, self.quarantine_mismatch = mapping, topic, ranges, quarantine_mismatch
        self.rows: dict[Identity, str] = {}
        self.quarantined: dict[Identity, str] = {}
        self.lines: dict[Identity, tuple[str, int]] = {}
        self.dropped: set[Identity] = set()
        self.pending = 0
        self.problems: list[str] = []

    def take(self, topic_id: str, partition: int, record, raw_object: str) -> None:
        start, position = self.ranges.get((topic_id, partition), (0, 0))
        if not start <= record.offset < position:
            self.pending += 1
            return
        identity = (topic_id, partition, record.offset)
        if record.value is None:
            self.dropped.add(identity)
            return
        try:
            row = self.mapping.row(self.topic, topic_id, partition, record.offset, record.timestamp, record.value)
            self.rows[identity] = row_hash(row)
        except DataError as error:
            self.quarantined[identity] = str(error)
            self.lines[identity] = (raw_object, record.line)
        except Mismatch as error:
            if self.quarantine_mismatch:
                self.quarantined[identity] = "type_mismatch"
                self.lines[identity] = (raw_object, record.line)
            else:
                self.problems.append(f"{identity}: a value does not fit column {error}")
        except LookupError as error:
            self.problems.append(f"{identity}: {error}")


def quarantined_by_ledger(store, dataset: str, ledger: dict) -> tuple[dict[Identity, tuple[str, str, int]], list[str]]:
    """Every quarantined record by the pointers: reason, raw object, line."""
    found: dict[Identity, tuple[str, str, int]] = {}
    problems = []
    for segment in ledger["quarantineSegments"]:
        data = store.get(f"{dataset}/{segment['key']}")
        if data is None or len(data) != segment["bytes"]:
            problems.append(f"segment {segment['key']} is missing or of another size")
            continue
        for pointer in json.loads(data)["pointers"]:
            start, end = int(pointer["startOffset"]), int(pointer["endOffset"])
            if end - start != pointer["records"] or pointer["endLine"] - pointer["startLine"] != pointer["records"]:
                problems.append(f"pointer {pointer} counts wrong")
            for index in range(pointer["records"]):
                identity = (pointer["topicId"], pointer["partition"], start + index)
                if identity in found:
                    problems.append(f"{identity} is quarantined twice")
                found[identity] = (pointer["reason"], pointer["rawObject"], pointer["startLine"] + index)
    return found, problems


def ledger_problems(ledger: dict, expected: Expected, table: Table) -> list[str]:
    """The law per partition, against what the mapping counts, and positions against the table's txns."""
    problems = []
    rows = Counter((topic_id, partition) for topic_id, partition, _ in expected.rows)
    quarantined = Counter((topic_id, partition) for topic_id, partition, _ in expected.quarantined)
    dropped = Counter((topic_id, partition) for topic_id, partition, _ in expected.dropped)
    for part in ledger["partitions"]:
        source = (part["topicId"], part["partition"])
        sums = {name: sum(map(int, part[name].values())) for name in ("quarantined", "dropped", "gaps")}
        covered = int(part["committed"]) + sum(sums.values())
        if covered != int(part["position"]) - int(part["startOffset"]):
            problems.append(f"{source}: {covered} offsets of [{part['startOffset']}, {part['position']}) are accounted for")
        for what, is_there, wanted in [("committed", int(part["committed"]), rows[source]), ("quarantined", sums["quarantined"], quarantined[source]), ("dropped", sums["dropped"], dropped[source])]:
            if is_there != wanted:
                problems.append(f"{source}: the ledger says {is_there} {what}, the mapping {wanted}")
        if table.txns.get(f"millrace/{source[0]}/{source[1]}") != int(part["position"]):
            problems.append(f"{source}: position {part['position']} is not the table's {table.txns.get(f'millrace/{source[0]}/{source[1]}')}")
    return problems


def compare_rows(engine: str, path: str, expected: dict[Identity, str]) -> dict:
    got: dict[Identity, str] = {}
    twice = 0
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            topic_id, partition, offset, digest = line.rstrip("\n").split("\t")
            identity = (topic_id, int(partition), int(offset))
            twice += identity in got
            got[identity] = digest
    lost = sorted(set(expected) - set(got))
    phantom = sorted(set(got) - set(expected))
    altered = sorted(identity for identity in set(got) & set(expected) if got[identity] != expected[identity])
    return {
        "engine": engine,
        "rows": len(got),
        "twice": twice,
        **{name: {"count": len(found), "examples": found[:EXAMPLES_MAX]} for name, found in [("lost", lost), ("phantom", phantom), ("altered", altered)]},
        "differences": twice + len(lost) + len(phantom) + len(altered),
    }


def main() -> int:
    arguments = argparse.ArgumentParser()
    for name in ("--raw-url", "--tables-url", "--dataset", "--topic"):
        arguments.add_argument(name, required=True)
    arguments.add_argument("--pk", default="")
    arguments.add_argument("--rows", action="append", default=[], help="engine=file of lines")
    arguments.add_argument("--summary", action="append", default=[], help="engine=file with the printed summary")
    arguments.add_argument("--breaking-quarantined", action="store_true", help="values that do not fit their column were quarantined by decision")
    given = arguments.parse_args()
    store = open_store(given.tables_url)
    table = read_table(store, given.dataset)
    if table.version < 0:
        print(json.dumps({"differences": 1, "problems": [f"there is no table {given.dataset}"]}))
        return 1
    ledger = read_ledger(store, given.dataset, table)
    mapping = Mapping(table.schema, table.partition_columns, [path for path in given.pk.split(",") if path])
    ranges = {(part["topicId"], part["partition"]): (int(part["startOffset"]), int(part["position"])) for part in ledger["partitions"]}
    expected = Expected(mapping, given.topic, ranges, given.breaking_quarantined)
    raw = read_topic(given.raw_url, given.topic, expected.take)
    problems = [*raw["errors"], *mapping.problems(), *expected.problems, *ledger_problems(ledger, expected, table)]

    pointers, pointer_problems = quarantined_by_ledger(store, given.dataset, ledger)
    problems += pointer_problems
    for identity in sorted(set(pointers) ^ set(expected.quarantined)):
        problems.append(f"{identity}: quarantined by {'the ledger as ' + pointers[identity][0] if identity in pointers else 'the mapping as ' + expected.quarantined[identity]} only")
    for identity in set(pointers) & set(expected.quarantined):
        if pointers[identity][1:] != expected.lines[identity]:
            problems.append(f"{identity}: pointer {pointers[identity][1:]} is not line {expected.lines[identity]}")

    readers = [compare_rows(*text.split("=", 1), expected.rows) for text in given.rows]
    columns = [[field["name"], type_text(field["type"])] for field in table.schema["fields"]]
    for text in given.summary:
        engine, path = text.split("=", 1)
        seen = json.loads(Path(path).read_text())
        if seen["columns"] != columns:
            problems.append(f"{engine} sees other columns: {[pair for pair in zip(seen['columns'], columns) if pair[0] != pair[1]][:EXAMPLES_MAX]}")
    statistics: dict[str, list[str]] = defaultdict(list)
    for path, add in table.files.items():
        data = store.get(f"{given.dataset}/{path}")
        found = ["the file is missing"] if data is None else check_file(io.BytesIO(data), len(data), add, table.schema, table.partition_columns)
        if found:
            statistics[path] = found[:EXAMPLES_MAX]
    report = {
        "differences": len(problems) + sum(reader["differences"] for reader in readers) + len(statistics),
        "tableVersion": table.version,
        "files": len(table.files),
        "expected": {"rows": len(expected.rows), "quarantined": dict(Counter(expected.quarantined.values())), "dropped": len(expected.dropped), "pending": expected.pending},
        "quarantinedByLedger": dict(Counter(reason for reason, _, _ in pointers.values())),
        "readers": readers,
        "problems": problems[:50],
        "problemCount": len(problems),
        "statistics": statistics,
    }
    print(json.dumps(report))
    return 1 if report["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
