"""The ledger a producer keeps of what it did: one JSON object a line, forced to the disk before the deed (`invoke`) and after it (`ok`, `fail`, `unknown`).

A batch is a transaction, or what was sent between two flushes. Lines: `{"e":"start",...}`, `{"e":"invoke","b":batch,"from":sequence,"to":sequence,"sum":hex}` (half-open; `sum` is the
sum of the values' hashes modulo 2^64), then one or more of `{"e":"ok"|"fail"|"unknown","b":batch}` with `"ranges":[[from,to],...]` where the outcome is not that of the whole batch.
`ok` carries `"at":{partition:[lowest offset, highest offset, records]}`. A batch without an outcome is unknown: its producer was killed. `fail` means that the records must never be seen.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SUFFIX = ".ledger"
Ranges = list[tuple[int, int]]


class LedgerWriter:
    def __init__(self, folder: Path, producer: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.file = open(folder / f"{producer}{SUFFIX}", "xb", buffering=0)
        self.waiting: list[bytes] = []

    def note(self, event: str, **members: object) -> None:
        """Kept in memory until `sync`."""
        self.waiting.append(json.dumps({"e": event, "t": int(time.time() * 1000), **members}, separators=(",", ":")).encode() + b"\n")

    def sync(self) -> None:
        self.file.write(b"".join(self.waiting))
        self.waiting.clear()
        os.fdatasync(self.file.fileno())


@dataclass
class Batch:
    number: int
    start: int
    end: int
    sum: int
    ok: Ranges = field(default_factory=list)
    fail: Ranges = field(default_factory=list)
    unknown: Ranges = field(default_factory=list)
    at: dict = field(default_factory=dict)


@dataclass
class Ledger:
    producer: str
    mode: str
    batches: list[Batch]
    kept: dict[str, Ranges] = field(default_factory=dict)

    def ranges(self, outcome: str) -> Ranges:
        """Neighbouring ranges joined, in order. Worked out once."""
        if outcome in self.kept:
            return self.kept[outcome]
        joined = self.kept[outcome] = []
        for low, high in sorted(span for batch in self.batches for span in getattr(batch, outcome)):
            if joined and joined[-1][1] == low:
                joined[-1] = (joined[-1][0], high)
            else:
                joined.append((low, high))
        return joined


def read_ledger(path: Path) -> Ledger:
    """The last line may be cut off by a kill and is left out then."""
    batches: dict[int, Batch] = {}
    mode = ""
    for line in whole_lines(path):
        event = line["e"]
        if event == "start":
            mode = line["mode"]
        elif event == "invoke":
            batches[line["b"]] = Batch(line["b"], line["from"], line["to"], int(line["sum"], 16))
        elif event in ("ok", "fail", "unknown"):
            batch = batches[line["b"]]
            getattr(batch, event).extend(tuple(span) for span in line.get("ranges", [(batch.start, batch.end)]))
            batch.at.update(line.get("at", {}))
    for batch in batches.values():
        if not (batch.ok or batch.fail or batch.unknown):
            batch.unknown.append((batch.start, batch.end))
    return Ledger(path.name.removesuffix(SUFFIX), mode, list(batches.values()))


def whole_lines(path: Path) -> Iterator[dict]:
    for line in path.read_bytes().split(b"\n")[:-1]:
        yield json.loads(line)


def read_ledgers(folder: Path) -> list[Ledger]:
    return [read_ledger(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
