#!/usr/bin/env python3
"""A producer of a chaos run: small orders with sequence numbers, and a ledger on disk of what was asked and what came of it.

    produce.py --brokers B --topic T --ledger DIR --producer NAME --mode idempotent|transactional --rate 2000 --seed 7 [--records N] [--value-bytes V]

Runs until N records or SIGTERM. May be killed at any time: what its ledger does not tell is unknown then. Every start needs a name of its own.
Some transactions are aborted on purpose, after their records have reached the log. The last line of stdout is a JSON summary.
"""

import argparse
import json
import random
import signal
import sys
import time
from pathlib import Path

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from identity import HEADER, header_value, value_hash
from payloads import Kinds, order
from producer_ledger import LedgerWriter

BATCHES_PER_SECOND = 10
BATCH_RECORDS_MAX = 2_000
DELIVERY_TIMEOUT_MS = 120_000
ENDING_SECONDS_MAX = 25
RETRY_SECONDS = 0.2
QUEUE_RECORDS_MAX = 100_000
SURELY_NOT_WRITTEN = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION, KafkaError._PURGE_QUEUE}


class Outcomes:
    """What the client reported of one batch, by sequence."""

    def __init__(self, start: int):
        self.start = start
        self.at: dict[str, list[int]] = {}
        self.acknowledged = 0
        self.failed: list[int] = []
        self.unknown: list[int] = []

    def hear(self, sequence: int):
        def heard(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self.acknowledged += 1
                partition, offset = str(message.partition()), message.offset()
                known = self.at.get(partition)
                if known is None:
                    self.at[partition] = [offset, offset, 1]
                else:
                    known[0], known[1], known[2] = min(known[0], offset), max(known[1], offset), known[2] + 1
            elif error.code() in SURELY_NOT_WRITTEN:
                self.failed.append(sequence)
            else:
                self.unknown.append(sequence)

        return heard

    def ranges(self, end: int) -> dict[str, list[list[int]]]:
        """Ranges by outcome; what was not heard of is unknown."""
        outcome = {sequence: "fail" for sequence in self.failed} | {sequence: "unknown" for sequence in self.unknown}
        silent = end - self.start - self.acknowledged - len(outcome)
        found: dict[str, list[list[int]]] = {}
        for sequence in range(self.start, end):
            # Which ones were not heard of is not kept: with one silent record all acknowledged ones count as unknown, which is never wrong.
            name = outcome.get(sequence, "ok" if silent == 0 else "unknown")
            spans = found.setdefault(name, [])
            if spans and spans[-1][1] == sequence:
                spans[-1][1] = sequence + 1
            else:
                spans.append([sequence, sequence + 1])
        return found


class Run:
    def __init__(self, given: argparse.Namespace):
        self.given = given
        self.kinds = Kinds(given.tombstones, given.odd, given.lists, given.big, given.big_bytes, given.value_bytes, given.flat, given.twice)
        self.chance = random.Random(f"{given.seed}/{given.producer}")
        self.ledger = LedgerWriter(Path(given.ledger), given.producer)
        self.transactional = given.mode == "transactional"
        self.stop_at: float | None = None
        self.sequence = self.batch = 0
        self.counts = {"ok": 0, "fail": 0, "unknown": 0}
        self.clients = 0
        self.kept: Producer | None = None

    def stop(self, *_: object) -> None:
        self.stop_at = self.stop_at or time.monotonic()

    def seconds_left(self) -> float:
        """Until this process gives up waiting for answers."""
        return DELIVERY_TIMEOUT_MS / 1000 if self.stop_at is None else max(0.0, self.stop_at + ENDING_SECONDS_MAX - time.monotonic())

    def client(self) -> Producer | None:
        """A working client, made anew after a fatal error. None when there is none before this process must end."""
        if self.kept is not None:
            return self.kept
        settings = {
            "bootstrap.servers": self.given.brokers,
            "client.id": self.given.producer,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "compression.type": self.given.compression,
            "queue.buffering.max.messages": QUEUE_RECORDS_MAX,
            "queue.buffering.max.kbytes": 1_048_576,
            "message.max.bytes": 110_000_000 if self.given.big_bytes > 900_000 else 1_000_000,
            "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
            "log_level": 3,
        }
        if self.transactional:
            settings |= {"transactional.id": self.given.producer, "transaction.timeout.ms": self.given.transaction_timeout_ms, "delivery.timeout.ms": self.given.transaction_timeout_ms}
        client = Producer(settings)
        self.clients += 1
        while self.transactional and self.seconds_left() > 0:
            try:
                client.init_transactions(5)
                break
            except KafkaException as error:
                note(f"init_transactions: {error}")
                if not error.args[0].retriable():
                    client = Producer(settings)
                time.sleep(RETRY_SECONDS)
        else:
            if self.transactional:
                return None
        self.kept = client
        return client

    def run(self) -> dict:
        started = time.monotonic()
        given = self.given
        size = max(1, min(BATCH_RECORDS_MAX, given.rate // BATCHES_PER_SECOND or 1)) if given.rate else BATCH_RECORDS_MAX
        self.ledger.note("start", producer=given.producer, mode=given.mode, seed=given.seed, topic=given.topic)
        while self.stop_at is None and (not given.records or self.sequence < given.records):
            count = min(size, given.records - self.sequence) if given.records else size
            client = self.client()
            if client is None:
                break
            self.send(client, count)
            if given.rate:
                ahead = self.sequence / given.rate - (time.monotonic() - started)
                # Time lost in a fault is not caught up in one burst.
                if ahead < -1:
                    started -= ahead + 1
                while ahead > 0 and self.stop_at is None:
                    time.sleep(min(ahead, 0.05))
                    ahead = self.sequence / given.rate - (time.monotonic() - started)
        self.ledger.note("end")
        self.ledger.sync()
        return {"producer": given.producer, "records": self.sequence, **self.counts, "batches": self.batch, "clients": self.clients, "seconds": round(time.monotonic() - started, 3)}

    def send(self, client: Producer, count: int) -> None:
        """One batch: values made, noted on disk, sent, waited for, noted."""
        start, end = self.sequence, self.sequence + count
        values = [order(self.chance, self.given.producer, sequence, self.kinds) for sequence in range(start, end)]
        aborts = self.transactional and self.chance.random() < self.given.abort
        total = sum(map(value_hash, values)) % 2**64
        self.ledger.note("invoke", b=self.batch, **{"from": start, "to": end, "sum": f"{total:x}"})
        self.ledger.sync()
        outcomes = Outcomes(start)
        why = self.transact(client, values, outcomes, aborts) if self.transactional else self.flush(client, values, outcomes)
        found = {"ok": [[start, end]]} if why == "ok" else {why: [[start, end]]} if why in ("fail", "unknown") else outcomes.ranges(end)
        for name, spans in found.items():
            self.counts[name] += sum(high - low for low, high in spans)
            members: dict = {} if len(found) == 1 else {"ranges": spans}
            self.ledger.note(name, b=self.batch, **members, **({"at": outcomes.at} if name == "ok" else {}))
        self.sequence, self.batch = end, self.batch + 1

    def produce(self, client: Producer, values: list[bytes | None], outcomes: Outcomes) -> None:
        topic, keys, producer = self.given.topic, self.given.keys, self.given.producer
        for sequence, value in enumerate(values, outcomes.start):
            key = f"order-{sequence % keys}" if keys else f"{producer}-{sequence}"
            while True:
                try:
                    client.produce(topic, value, key, on_delivery=outcomes.hear(sequence), headers=[(HEADER, header_value(producer, sequence, value))])
                    break
                except BufferError:
                    client.poll(0.05)
            if not sequence & 127:
                client.poll(0)

    def flush(self, client: Producer, values: list[bytes | None], outcomes: Outcomes) -> str:
        try:
            self.produce(client, values, outcomes)
        except KafkaException as error:
            note(f"produce: {error}")
            self.kept = None
        waited = time.monotonic()
        while client.flush(0.2) and self.seconds_left() > 0 and time.monotonic() - waited < DELIVERY_TIMEOUT_MS / 1000 + 5:
            pass
        if outcomes.unknown or outcomes.acknowledged + len(outcomes.failed) < len(values):
            # Idempotence holds within one client only as long as nothing was lost on the way.
            self.kept = None
            return "mixed"
        return "mixed" if outcomes.failed else "ok"

    def transact(self, client: Producer, values: list[bytes | None], outcomes: Outcomes, aborts: bool) -> str:
        """`ok` when the commit was confirmed, `fail` when the abort was, else `unknown`."""
        try:
            client.begin_transaction()
            self.produce(client, values, outcomes)
            if aborts or self.given.transaction_linger_ms:
                client.flush(self.given.transaction_timeout_ms / 1000)
            if self.given.transaction_linger_ms:
                time.sleep(self.given.transaction_linger_ms / 1000 * self.chance.random())
            return self.end_transaction(client, "abort" if aborts else "commit")
        except KafkaException as error:
            note(f"transaction: {error}")
            return self.abort_after(client, error, "fail")

    def end_transaction(self, client: Producer, way: str, certain: str = "fail") -> str:
        while True:
            try:
                if way == "commit":
                    client.commit_transaction(5)
                    return "ok"
                client.abort_transaction(5)
                return certain
            except KafkaException as error:
                note(f"{way}: {error}")
                if error.args[0].retriable() and self.seconds_left() > 0:
                    continue
                return self.abort_after(client, error, "fail" if way == "commit" else certain)

    def abort_after(self, client: Producer, error: KafkaException, certain: str) -> str:
        """The client says whether a transaction can still be aborted; after anything else its end is not known."""
        if error.args[0].txn_requires_abort():
            return self.end_transaction(client, "abort", certain)
        self.kept = None
        return "unknown"


def note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} produce: {text}", file=sys.stderr, flush=True)


def main() -> int:
    arguments = argparse.ArgumentParser()
    for name in ("--brokers", "--topic", "--ledger", "--producer"):
        arguments.add_argument(name, required=True)
    arguments.add_argument("--mode", choices=("idempotent", "transactional"), required=True)
    arguments.add_argument("--rate", type=int, default=0, help="records a second; 0 is as fast as it goes")
    arguments.add_argument("--seed", default="1")
    arguments.add_argument("--records", type=int, default=0)
    arguments.add_argument("--value-bytes", type=int, default=0, help="pads every order to about this size")
    arguments.add_argument("--keys", type=int, default=0, help="number of different keys; 0: each record has its own")
    arguments.add_argument("--flat", action="store_true", help="orders without a nested object")
    for name, words in [("tombstones", "Kafka nulls"), ("odd", "values that are no JSON object or cannot be a row"), ("lists", "orders with a list"), ("big", "orders of --big-bytes"), ("twice", "orders with a member that comes again")]:
        arguments.add_argument(f"--{name}", type=float, default=0.0, metavar="SHARE", help=f"share of {words}")
    arguments.add_argument("--big-bytes", type=int, default=200_000)
    arguments.add_argument("--abort", type=float, default=0.1, metavar="SHARE", help="share of transactions aborted on purpose")
    arguments.add_argument("--transaction-timeout-ms", type=int, default=10_000)
    arguments.add_argument("--transaction-linger-ms", type=int, default=0, help="leave each transaction open for up to this long, for kills to meet it")
    arguments.add_argument("--compression", default="lz4")
    run = Run(arguments.parse_args())
    signal.signal(signal.SIGTERM, run.stop)
    signal.signal(signal.SIGINT, run.stop)
    print(json.dumps(run.run()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
