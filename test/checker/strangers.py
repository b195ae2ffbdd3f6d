"""Records and rows that Kafka's committed log does not have: of an aborted transaction, or of nobody."""

import io

import numpy
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from acknowledged import Outcomes
from delta_history import History
from identity import NO_PRODUCER
from partition_check import Result, inside
from verdicts import Verdicts

# Strangers that are looked up one by one; a run with more of them has failed many times over.
LOOKED_AT_MAX = 1_000


def kind_of(producer: str | None, sequence: int, outcomes: Outcomes) -> tuple[str, str]:
    """The verdict, and why."""
    if producer is None:
        return "phantom", "nobody produced it"
    outcome = outcomes.of(producer, sequence)
    ledger = outcomes.ledgers.get(producer)
    if outcome == "fail" or (outcome == "unknown" and ledger is not None and ledger.mode == "transactional"):
        return "aborted_read", f"{producer} {sequence} was aborted"
    return "phantom", f"{producer} {sequence} ({outcome or 'never asked for'}) is not there in Kafka"


def judge_raw(result: Result, outcomes: Outcomes, verdicts: Verdicts) -> None:
    where = {"where": "raw", "topicId": result.walk.topic_id, "partition": result.walk.partition}
    for record in result.strangers[:LOOKED_AT_MAX]:
        number = int(record["producer"])
        name = None if number == NO_PRODUCER else result.producers[number]
        kind, why = kind_of(name, int(record["sequence"]), outcomes)
        verdicts.add(kind, why, offset=int(record["offset"]), **where)
    verdicts.add("phantom", "more records that Kafka does not have", len(result.strangers) - LOOKED_AT_MAX, **where)


def judge_table(figures: dict, result: Result, store, dataset: str, history: History, outcomes: Outcomes, verdicts: Verdicts) -> None:
    """Rows that raw has no record for. The producers' own columns tell whose they are, where the values have them."""
    where = {"where": "table", "topicId": result.walk.topic_id, "partition": result.walk.partition}
    found = numpy.array(figures["strangers"], [("offset", "<i8"), ("file", "<i4")])
    unread = inside(found["offset"], result.walk.unread)
    for stranger in found[~unread]:
        offset = int(stranger["offset"])
        path = history.files[int(stranger["file"])][0]
        producer, sequence = origin(store.get(f"{dataset}/{path}") or b"", offset, result)
        kind, why = kind_of(producer, sequence, outcomes)
        verdicts.add(kind, f"raw does not have it; {why}", offset=offset, file=path, **where)
    verdicts.add("phantom", "more rows that raw does not have", figures["strangerCount"] - len(found), **where)


def origin(data: bytes, offset: int, result: Result) -> tuple[str | None, int]:
    table = parquet.read_table(io.BytesIO(data))
    if not {"producer", "sequence"} <= set(table.column_names):
        return None, -1
    mine = compute.and_(compute.equal(table["_source_offset"], offset), compute.equal(table["_source_partition"], result.walk.partition))
    row = table.filter(mine).select(["producer", "sequence"]).slice(0, 1).to_pylist()
    return (row[0]["producer"], row[0]["sequence"]) if row and isinstance(row[0]["producer"], str) and isinstance(row[0]["sequence"], int) else (None, -1)
