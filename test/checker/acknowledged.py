"""What producers were told against what Kafka and the chain hold: every acknowledged write is there, nothing that failed is."""

from dataclasses import dataclass

import numpy

from identity import NO_PRODUCER
from partition_check import ALTERED, LANDED, LOST, UNLANDED, UNREAD
from producer_ledger import Ledger, Ranges
from verdicts import Verdicts, ranges_text

MISSING = (ALTERED, LOST, UNREAD)


@dataclass
class Outcomes:
    """Answers what a producer was told of one sequence: ok, fail, unknown, or None when it never asked."""

    ledgers: dict[str, Ledger]

    def of(self, producer: str, sequence: int) -> str | None:
        ledger = self.ledgers.get(producer)
        if ledger is None:
            return None
        for outcome in ("ok", "fail", "unknown"):
            if any(low <= sequence < high for low, high in ledger.ranges(outcome)):
                return outcome
        return None


def check_acknowledged(ledgers: list[Ledger], producers: list[str], fates: numpy.ndarray, drained: bool, verdicts: Verdicts) -> dict:
    """`fates` of all partitions. Returns counts by outcome."""
    counts = {"ok": 0, "fail": 0, "unknown": 0, "unknownInKafka": 0}
    numbers = {name: number for number, name in enumerate(producers)}
    fates = fates[fates["producer"] != NO_PRODUCER]
    fates = fates[numpy.lexsort((fates["sequence"], fates["producer"]))]
    edges = numpy.searchsorted(fates["producer"], numpy.arange(len(producers) + 1))
    for ledger in ledgers:
        number = numbers.get(ledger.producer)
        mine = fates[:0] if number is None else fates[edges[number] : edges[number + 1]]
        for outcome in ("ok", "fail", "unknown"):
            counts[outcome] += sum(high - low for low, high in ledger.ranges(outcome))
        counts["unknownInKafka"] += check_ledger(ledger, mine, drained, verdicts)
    return counts


def slices(sequences: numpy.ndarray, ranges: Ranges) -> list[tuple[int, int]]:
    edges = numpy.searchsorted(sequences, numpy.array(ranges, numpy.int64).reshape(-1, 2))
    return [(int(low), int(high)) for low, high in edges]


def check_ledger(ledger: Ledger, mine: numpy.ndarray, drained: bool, verdicts: Verdicts) -> int:
    where = {"producer": ledger.producer}
    sequences = mine["sequence"]
    again = numpy.flatnonzero(sequences[1:] == sequences[:-1])
    verdicts.add_offsets("truth", "Kafka holds a sequence twice", sequences[again], len(again), **where)
    missing = numpy.isin(mine["fate"], [*MISSING, UNLANDED] if drained else MISSING)
    for low, high in ledger.ranges("ok"):
        ((a, b),) = slices(sequences, [(low, high)])
        if b - a < high - low:
            gone = numpy.setdiff1d(numpy.arange(low, high), sequences[a:b])
            verdicts.add("acknowledged_missing", "acknowledged, and not in Kafka", len(gone), where="truth", sequences=ranges_text(gone), at=places(ledger, gone), **where)
        lost = mine[a:b][missing[a:b]]
        verdicts.add("acknowledged_missing", "acknowledged, and not as it was in the chain", len(lost), where="raw", sequences=ranges_text(lost["sequence"]), offsets=lost["offset"][:5].tolist(), **where)
    for low, high in ledger.ranges("fail"):
        ((a, b),) = slices(sequences, [(low, high)])
        verdicts.add("aborted_read", "aborted or refused, and Kafka gives it to readers", b - a, where="truth", sequences=ranges_text(sequences[a:b]), **where)
    check_batches(ledger, mine, verdicts, where)
    return sum(b - a for a, b in slices(sequences, ledger.ranges("unknown")))


def check_batches(ledger: Ledger, mine: numpy.ndarray, verdicts: Verdicts, where: dict) -> None:
    """Whole batches: the sum of hashes is what was produced; an unknown transaction is there whole or not at all."""
    sequences = mine["sequence"]
    sums = numpy.concatenate([numpy.zeros(1, numpy.uint64), numpy.cumsum(mine["value"], dtype=numpy.uint64)])
    spans = slices(sequences, [(batch.start, batch.end) for batch in ledger.batches])
    for batch, (a, b) in zip(ledger.batches, spans, strict=True):
        size = batch.end - batch.start
        if b - a == size and (int(sums[b]) - int(sums[a])) % 2**64 != batch.sum:
            verdicts.add("truth", "values in Kafka are not those that were produced", sequences=ranges_text(range(batch.start, batch.end)), **where)
        if ledger.mode == "transactional" and 0 < b - a < size:
            verdicts.add("truth", f"{b - a} of {size} records of a transaction", sequences=ranges_text(range(batch.start, batch.end)), **where)


def places(ledger: Ledger, sequences: numpy.ndarray) -> dict:
    """Where Kafka said that the first of them is: partition to [lowest, highest offset, records] of its batch."""
    first = int(sequences[0])
    return next((batch.at for batch in ledger.batches if batch.start <= first < batch.end), {})


__all__ = ["LANDED", "Outcomes", "check_acknowledged"]
