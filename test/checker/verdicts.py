"""What a check found: counts by kind, each with its first examples. Kinds are words, so that a run's report reads without a table.

lost, duplicate, aborted_read, phantom, altered, out_of_order: records, each with `where` (raw, table, truth). acknowledged_missing: Kafka's producers were told "ok" and it is not in the chain.
chain, epoch, object: the raw zone breaks docs/formats/chain.md. ledger, quarantine, snapshot, file: the table breaks docs/formats/table.md. pending: landed or readable, but not taken over in the end.
orphans, metrics, resources: bounds given on the command line. truth: the reference itself cannot be trusted. too_few: fewer records compared than asked for.
"""

from collections.abc import Iterable

EXAMPLES_MAX = 8
KINDS = (
    *("lost", "duplicate", "aborted_read", "phantom", "altered", "out_of_order", "acknowledged_missing"),
    *("chain", "epoch", "object", "ledger", "quarantine", "snapshot", "file", "pending", "orphans", "metrics", "resources", "truth", "too_few"),
)


class Verdicts:
    def __init__(self) -> None:
        self.found: dict[str, dict] = {}

    def add(self, kind: str, why: str, count: int = 1, **where: object) -> None:
        if kind not in KINDS:
            raise ValueError(f"no verdict is called {kind}")
        if count <= 0:
            return
        found = self.found.setdefault(kind, {"count": 0, "examples": []})
        found["count"] += count
        if len(found["examples"]) < EXAMPLES_MAX:
            found["examples"].append({"why": why, **where})

    def add_offsets(self, kind: str, why: str, offsets: Iterable[int], count: int, **where: object) -> None:
        """One example for many offsets, as half-open ranges."""
        self.add(kind, why, count, offsets=ranges_text(offsets), **where)

    def merge(self, other: "Verdicts") -> None:
        for kind, found in other.found.items():
            mine = self.found.setdefault(kind, {"count": 0, "examples": []})
            mine["count"] += found["count"]
            mine["examples"] = [*mine["examples"], *found["examples"]][:EXAMPLES_MAX]


def ranges_text(offsets: Iterable[int], shown_max: int = 6) -> list[str]:
    """Half-open ranges of rising offsets."""
    spans: list[list[int]] = []
    for offset in offsets:
        if spans and spans[-1][1] == offset:
            spans[-1][1] = offset + 1
        elif len(spans) == shown_max:
            return [f"[{low}, {high})" for low, high in spans] + ["…"]
        else:
            spans.append([int(offset), int(offset) + 1])
    return [f"[{low}, {high})" for low, high in spans]
