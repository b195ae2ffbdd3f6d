"""One source partition: raw against the truth, and what the table must hold for it. Leaves arrays on disk for the later steps.

Everything is compared as arrays of fixed records (identity.RECORD), sorted by offset; the order in which raw held them is looked at first.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy

from chain_walk import Walk, walk
from expected_rows import EXPECTED, QUARANTINED, ExpectedRows
from identity import NO_PRODUCER, RECORD, Producers, envelope_hash, value_hash
from mapping import Mapping
from raw_reader import Record
from raw_store import open_store
from verdicts import Verdicts

ACCEPTED = {"expired", "accepted_by_operator"}
CHUNK_RECORDS = 100_000
# A record of raw also says where it lies: which of the objects met, which line.
RAW = numpy.dtype([*((name, RECORD[name]) for name in RECORD.names or ()), ("object", "<u4"), ("line", "<u4")])
FIELDS = ("timestamp", "envelope", "value")

# What became of a record of the truth.
LANDED, ALTERED, LOST, ACCEPTED_LOSS, UNLANDED, NOT_ASKED, UNREAD = range(7)
FATE = numpy.dtype([("producer", "<u4"), ("sequence", "<i8"), ("value", "<u8"), ("offset", "<i8"), ("fate", "u1")])


@dataclass
class Job:
    """What a worker needs to know; plain data, since workers are processes."""

    raw_url: str
    topic: str
    topic_id: str
    partition: int
    start: int
    # half-open range of the truth; None when the truth knows nothing of this partition
    truth: tuple[int, int] | None
    # where the table begins and how far it is, None when it knows nothing of this partition
    table: tuple[int, int] | None
    schema: dict | None
    partition_columns: list[str]
    pk_fields: list[str]
    producers: list[str]
    truth_path: Path
    work: Path


@dataclass
class Result:
    walk: Walk
    verdicts: Verdicts
    figures: dict
    # raw object and line of what was set aside, by offset
    lines: dict[int, tuple[str, int]]
    # records of raw that the truth does not have
    strangers: numpy.ndarray
    producers: list[str]

    @property
    def source(self) -> tuple[str, int]:
        return self.walk.topic_id, self.walk.partition


class Reader:
    """Turns raw records into arrays, and hands those inside the table's range to the mapping."""

    def __init__(self, job: Job):
        self.producers = Producers(job.producers)
        self.chunks: list[numpy.ndarray] = []
        self.waiting: list[tuple] = []
        self.low, self.high = job.table or (0, 0)
        self.rows = None
        self.keys: list[str] = [""]
        if job.table and job.schema:
            self.rows = ExpectedRows(Mapping(job.schema, job.partition_columns, job.pk_fields), job.topic, job.topic_id, job.partition)

    def take(self, record: Record, key: str) -> None:
        value = value_hash(record.value)
        producer, sequence, _ = self.producers.identify(record.headers, value)
        time = -1 if record.timestamp is None else record.timestamp
        if key != self.keys[-1]:
            self.keys.append(key)
        envelope = envelope_hash(record.key, record.headers)
        self.waiting.append((record.offset, time, envelope, value, sequence, producer, len(self.keys) - 1, record.line))
        if len(self.waiting) >= CHUNK_RECORDS:
            self.settle()
        if self.rows and self.low <= record.offset < self.high:
            self.rows.add(record.offset, record.timestamp, record.value)

    def settle(self) -> None:
        self.chunks.append(numpy.array(self.waiting, RAW))
        self.waiting = []

    def records(self) -> numpy.ndarray:
        self.settle()
        return numpy.concatenate(self.chunks)


def inside(offsets: numpy.ndarray, ranges: list[tuple[int, int]]) -> numpy.ndarray:
    """Which offsets lie in any of the ranges."""
    if not ranges:
        return numpy.zeros(len(offsets), bool)
    ordered = numpy.array(sorted(ranges), numpy.int64)
    # the highest end so far, for ranges that overlap
    ends = numpy.maximum.accumulate(ordered[:, 1])
    place = numpy.searchsorted(ordered[:, 0], offsets, "right") - 1
    return (place >= 0) & (offsets < ends[numpy.maximum(place, 0)])


def work_file(work: Path, what: str, topic_id: str, partition: int) -> Path:
    return work / f"{what}-{topic_id.replace(':', '_')}-{partition}.npy"


def check_partition(job: Job) -> Result:
    verdicts = Verdicts()
    reader = Reader(job)
    chain = walk(open_store(job.raw_url), job.topic, job.topic_id, job.partition, job.start, verdicts, reader.take)
    raw = reader.records()
    where = {"where": "raw", "topicId": job.topic_id, "partition": job.partition}
    ordered, twice = in_order(raw, verdicts, where)
    truth = numpy.fromfile(job.truth_path, RECORD) if job.truth_path.exists() else numpy.empty(0, RECORD)
    fates, strangers, figures = compare(ordered, truth, chain, job, verdicts, where)
    numpy.save(work_file(job.work, "fates", job.topic_id, job.partition), fates)
    expected = numpy.sort(reader.rows.take(), order="offset") if reader.rows else numpy.empty(0, EXPECTED)
    numpy.save(work_file(job.work, "expected", job.topic_id, job.partition), expected)
    figures |= {"raw": len(raw), "twice": twice, "slow": reader.rows.slow_count if reader.rows else 0}
    set_aside = expected["offset"][expected["fate"] == QUARANTINED]
    lines = {}
    for number in numpy.searchsorted(ordered["offset"], set_aside):
        record = ordered[number]
        lines[int(record["offset"])] = (reader.keys[record["object"]], int(record["line"]))
    return Result(chain, verdicts, figures, lines, strangers, reader.producers.names)


def in_order(raw: numpy.ndarray, verdicts: Verdicts, where: dict) -> tuple[numpy.ndarray, int]:
    """Records by offset, each once; says which came out of order or again."""
    offsets = raw["offset"]
    if (numpy.diff(offsets) > 0).all():
        return raw, 0
    order = numpy.argsort(offsets, kind="stable")
    ordered = raw[order]
    again = numpy.zeros(len(raw), bool)
    again[1:] = ordered["offset"][1:] == ordered["offset"][:-1]
    doubled = numpy.unique(ordered["offset"][again])
    verdicts.add_offsets("duplicate", "landed more than once", doubled[:1000], int(again.sum()), **where)
    first = numpy.ones(len(raw), bool)
    first[order[again]] = False
    line = offsets[first]
    if len(line):
        behind = numpy.zeros(len(line), bool)
        behind[1:] = line[1:] < numpy.maximum.accumulate(line)[:-1]
        verdicts.add_offsets("out_of_order", "landed behind a higher offset", numpy.sort(line[behind])[:1000], int(behind.sum()), **where)
    return ordered[~again], int(again.sum())


def compare(raw: numpy.ndarray, truth: numpy.ndarray, chain: Walk, job: Job, verdicts: Verdicts, where: dict) -> tuple[numpy.ndarray, numpy.ndarray, dict]:
    """Raw against truth, both by rising offset. Returns the fate of every record of the truth, and the records that only raw has."""
    fates = numpy.empty(len(truth), FATE)
    for name in ("producer", "sequence", "value", "offset"):
        fates[name] = truth[name]
    offsets = truth["offset"]
    place = numpy.searchsorted(raw["offset"], offsets)
    there = place < len(raw)
    there[there] = raw["offset"][place[there]] == offsets[there]
    fate = numpy.full(len(truth), LOST, numpy.uint8)
    differs = numpy.zeros(len(truth), bool)
    for name in FIELDS:
        differs[there] |= raw[name][place[there]] != truth[name][there]
    fate[there & ~differs] = LANDED
    fate[there & differs] = ALTERED
    missing = ~there
    accepted = [(low, high) for low, high, cause in chain.gaps if cause in ACCEPTED]
    fate[missing & inside(offsets, accepted)] = ACCEPTED_LOSS
    fate[missing & inside(offsets, chain.unread)] = UNREAD
    fate[missing & (offsets >= chain.end)] = UNLANDED
    fate[missing & (offsets < chain.start)] = NOT_ASKED
    fates["fate"] = fate
    lost = offsets[fate == LOST]
    in_gap = inside(lost, [(low, high) for low, high, _ in chain.gaps])
    verdicts.add_offsets("lost", "the chain has a gap where Kafka has records", lost[in_gap][:1000], int(in_gap.sum()), gaps=gaps_at(chain, lost[in_gap][:3]), **where)
    verdicts.add_offsets("lost", "not in the chain", lost[~in_gap][:1000], int((~in_gap).sum()), **where)
    say_altered(raw, truth, place, fate == ALTERED, verdicts, where)

    low, high = job.truth or (0, 0)
    known = numpy.searchsorted(offsets, raw["offset"])
    stranger = numpy.ones(len(raw), bool)
    hit = known < len(truth)
    stranger[hit] = offsets[known[hit]] != raw["offset"][hit]
    before = stranger & (raw["offset"] < low)
    behind = stranger & (raw["offset"] >= high)
    verdicts.add_offsets("truth", "raw has records behind the end of the truth: it was not read to the end", raw["offset"][behind][:1000], int(behind.sum()), **where)
    figures = {
        "truth": len(truth),
        "compared": int((fate <= ALTERED).sum()),
        "acceptedLoss": int((fate == ACCEPTED_LOSS).sum()),
        "notLanded": int((fate == UNLANDED).sum()),
        "notAskedFor": int((fate == NOT_ASKED).sum()),
        "unread": int((fate == UNREAD).sum()),
        "beforeTruth": int(before.sum()),
    }
    return fates, raw[stranger & ~before & ~behind], figures


def gaps_at(chain: Walk, offsets: numpy.ndarray) -> list[str]:
    return [f"[{low}, {high}) {cause}" for offset in offsets for low, high, cause in chain.gaps if low <= offset < high]


def say_altered(raw: numpy.ndarray, truth: numpy.ndarray, place: numpy.ndarray, altered: numpy.ndarray, verdicts: Verdicts, where: dict) -> None:
    """A record whose bytes belong at another offset of this partition was moved, not altered."""
    for number in numpy.flatnonzero(altered)[:1000]:
        got, wanted = raw[place[number]], truth[number]
        offset = int(wanted["offset"])
        elsewhere = truth["offset"][(truth["envelope"] == got["envelope"]) & (truth["value"] == got["value"]) & (truth["offset"] != wanted["offset"])]
        if len(elsewhere) and got["producer"] != NO_PRODUCER:
            verdicts.add("out_of_order", f"holds what Kafka has at {int(elsewhere[0])}", offset=offset, **where)
        else:
            names = [name for name in FIELDS if got[name] != wanted[name]]
            words = {"envelope": "key or headers"}
            verdicts.add("altered", f"{', '.join(words.get(name, name) for name in names)} not as Kafka has it", offset=offset, **where)
    more = int(altered.sum()) - 1000
    verdicts.add("altered", "more of them", more, **where)
