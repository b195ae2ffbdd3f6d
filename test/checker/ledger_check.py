"""The ledgers of a table (docs/formats/table.md section 7) against a recount from raw, and the quarantine's pointers (section 8)."""

import hashlib
import json
from dataclasses import dataclass, field

import numpy

from delta_history import History, Version
from expected_rows import NO_COLUMN, QUARANTINED, ROW
from partition_check import Result, inside
from verdicts import Verdicts

SUMS = ("quarantined", "dropped", "gaps")


@dataclass
class Head:
    """What the last ledger says; empty when there is none. `dataset` is the configuration it was made under."""

    dataset: dict = field(default_factory=dict)
    partitions: dict[tuple[str, int], dict] = field(default_factory=dict)
    # by source and offset: reason, raw object, line
    pointers: dict[tuple[str, int], dict[int, tuple[str, str, int]]] = field(default_factory=dict)


def get_ledger(store, dataset: str, version: Version, verdicts: Verdicts) -> dict | None:
    data = store.get(f"{dataset}/_millrace/ledger/{version.ledger}.json")
    if data is None:
        verdicts.add("ledger", f"version {version.number} names ledger {version.ledger}, which is missing", version=version.number)
        return None
    return json.loads(data)


def read_head(store, dataset: str, history: History, verdicts: Verdicts) -> Head:
    head = Head()
    version = next((version for version in reversed(history.versions) if version.ledger is not None), None)
    ledger = get_ledger(store, dataset, version, verdicts) if version else None
    if ledger is None:
        return head
    head.partitions = {(part["topicId"], part["partition"]): part for part in ledger["partitions"]}
    config = store.get(f"{dataset}/_millrace/config/{ledger['datasetId']}-{ledger['datasetVersion']}.json") if "datasetId" in ledger else None
    head.dataset = json.loads(config) if config else {}
    for segment in ledger["quarantineSegments"]:
        data = store.get(f"{dataset}/{segment['key']}")
        if data is None or len(data) != segment["bytes"] or hashlib.sha256(data).hexdigest() != segment["sha256"]:
            verdicts.add("quarantine", "a segment is missing or has other bytes than its SHA-256", key=segment["key"])
            continue
        records = 0
        for pointer in json.loads(data)["pointers"]:
            records += pointer["records"]
            take_pointer(head, pointer, segment["key"], verdicts)
        if records != int(segment["records"]):
            verdicts.add("quarantine", f"{records} records, the ledger says {segment['records']}", key=segment["key"])
    return head


def take_pointer(head: Head, pointer: dict, key: str, verdicts: Verdicts) -> None:
    low, high = int(pointer["startOffset"]), int(pointer["endOffset"])
    if high - low != pointer["records"] or pointer["endLine"] - pointer["startLine"] != pointer["records"]:
        verdicts.add("quarantine", f"a pointer over [{low}, {high}) counts {pointer['records']} records", key=key)
    mine = head.pointers.setdefault((pointer["topicId"], pointer["partition"]), {})
    for index in range(pointer["records"]):
        if low + index in mine:
            verdicts.add("quarantine", "set aside twice", offset=low + index, key=key)
        mine[low + index] = (pointer["reason"], pointer["rawObject"], pointer["startLine"] + index)


class Recount:
    """Counts of one source partition up to any offset, from raw alone."""

    def __init__(self, result: Result, expected: numpy.ndarray, set_aside: numpy.ndarray):
        _, first = numpy.unique(expected["offset"], return_index=True)
        expected = expected[first]
        fate = expected["fate"].copy()
        # A value of another type than its column may be a decision's quarantine: the pointers say so.
        fate[(fate == NO_COLUMN) & numpy.isin(expected["offset"], set_aside)] = QUARANTINED
        self.offsets = expected["offset"]
        self.rows = numpy.concatenate([[0], numpy.cumsum(fate == ROW)])
        self.quarantined = numpy.concatenate([[0], numpy.cumsum(fate == QUARANTINED)])
        self.gaps = sorted(result.walk.gaps)
        self.unread = result.walk.unread
        causes = sorted({cause for _, _, cause in self.gaps})
        ends = numpy.array([high for _, high, _ in self.gaps], numpy.int64)
        self.gap_ends = ends
        self.by_cause = {cause: numpy.concatenate([[0], numpy.cumsum([high - low if other == cause else 0 for low, high, other in self.gaps])]) for cause in causes}

    def gaps_below(self, offset: int) -> dict[str, int]:
        """Offsets in gaps below `offset`, which may lie inside one."""
        whole = int(numpy.searchsorted(self.gap_ends, offset, "right"))
        found = {cause: int(sums[whole]) for cause, sums in self.by_cause.items()}
        if whole < len(self.gaps) and self.gaps[whole][0] < offset:
            low, _, cause = self.gaps[whole]
            found[cause] += offset - low
        return found

    def between(self, start: int, position: int) -> dict[str, object]:
        low, high = numpy.searchsorted(self.offsets, [start, position])
        below, above = self.gaps_below(start), self.gaps_below(position)
        rows, quarantined = int(self.rows[high] - self.rows[low]), int(self.quarantined[high] - self.quarantined[low])
        gaps = {cause: above[cause] - below[cause] for cause in above if above[cause] > below[cause]}
        return {"committed": rows, "quarantined": quarantined, "dropped": int(high - low) - rows - quarantined, "gaps": gaps}


def check_ledgers(store, dataset: str, history: History, recounts: dict[tuple[str, int], Recount], verdicts: Verdicts) -> int:
    """Every version's ledger: the law, the positions of its commit, and the recount. Returns how many were read."""
    previous: str | None = None
    count = 0
    for version in history.versions:
        if version.ledger is None:
            if version.positions != (history.versions[version.number - 1].positions if version.number else {}):
                verdicts.add("ledger", f"version {version.number} moves positions without a ledger", version=version.number)
            continue
        ledger = get_ledger(store, dataset, version, verdicts)
        if ledger is None:
            continue
        count += 1
        if ledger["id"] != str(version.ledger) or ledger["previousId"] not in (previous, ledger["id"]):
            verdicts.add("ledger", f"ledger {ledger['id']} of version {version.number} follows {ledger['previousId']}, not {previous}", version=version.number)
        previous = ledger["id"]
        said = {f"{part['topicId']}/{part['partition']}": int(part["position"]) for part in ledger["partitions"]}
        wrong = {source for source in {*said, *version.positions} if said.get(source) != version.positions.get(source)}
        # A partition that the ledger knows and no commit has moved yet stands at its start.
        wrong -= {f"{part['topicId']}/{part['partition']}" for part in ledger["partitions"] if part["position"] == part["startOffset"] and f"{part['topicId']}/{part['partition']}" not in version.positions}
        if wrong:
            verdicts.add("ledger", f"version {version.number}: positions of {sorted(wrong)} differ from the commit's", version=version.number)
        for part in ledger["partitions"]:
            check_part(part, version, recounts.get((part["topicId"], part["partition"])), verdicts)
    return count


def check_part(part: dict, version: Version, recount: Recount | None, verdicts: Verdicts) -> None:
    where = {"topicId": part["topicId"], "partition": part["partition"], "version": version.number}
    start, position = int(part["startOffset"]), int(part["position"])
    sums = {name: sum(map(int, part[name].values())) for name in SUMS}
    covered = int(part["committed"]) + sum(sums.values())
    if covered != position - start:
        verdicts.add("ledger", f"{covered} offsets of [{start}, {position}) are accounted for", **where)
    if recount is None:
        verdicts.add("ledger", "it names a source partition that has no chain", **where)
        return
    if any(low < position and high > start for low, high in recount.unread):
        return
    real = recount.between(start, position)
    said = {"committed": int(part["committed"]), "quarantined": sums["quarantined"], "dropped": sums["dropped"], "gaps": {cause: int(count) for cause, count in part["gaps"].items() if int(count)}}
    for name, wanted in real.items():
        if said[name] != wanted:
            verdicts.add("ledger", f"it says {said[name]} {name}, a recount says {wanted}", **where)


def check_pointers(head: Head, results: list[Result], verdicts: Verdicts) -> None:
    """Every pointer names the line where its offset lies; those that should not be there are the table's affair."""
    by_source = {result.source: result for result in results}
    for source, pointers in head.pointers.items():
        result = by_source.get(source)
        part = head.partitions.get(source)
        where = {"topicId": source[0], "partition": source[1]}
        if result is None or part is None:
            verdicts.add("quarantine", "pointers to a source that the ledger or raw does not know", len(pointers), **where)
            continue
        outside = [offset for offset in pointers if not int(part["startOffset"]) <= offset < int(part["position"])]
        verdicts.add_offsets("quarantine", "set aside outside the table's range", sorted(outside), len(outside), **where)
        unread = inside(numpy.array(sorted(pointers), numpy.int64), result.walk.unread)
        for offset, skip in zip(sorted(pointers), unread, strict=True):
            line = result.lines.get(offset)
            if line is not None and not skip and line != pointers[offset][1:]:
                verdicts.add("quarantine", f"the pointer says {pointers[offset][1:]}, it is {line}", offset=offset, **where)
