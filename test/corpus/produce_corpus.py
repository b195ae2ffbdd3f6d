#!/usr/bin/env python3
"""Fills topics with the corpus of the acceptance tests, by a client that is not librdkafka. Prints a JSON manifest.

    produce_corpus.py --brokers B --prefix P produce [--only nasty,txn,...] [--big-bytes 50000000] [--plain 1200]
    produce_corpus.py --brokers B --prefix P recreate --records 40      deletes P.twice and makes it again with other records

Topics: P.nasty (nasty.py between plain records), P.codecs (all five codecs), P.txn (aborted and committed transactions, control records at the end),
P.compact (holes left by the cleaner), P.twice (two incarnations), P.plain (orders, for tables).
"""

import os

# The pure Python writer is needed for header names that are not UTF-8.
os.environ["AIOKAFKA_NO_EXTENSIONS"] = "1"

import argparse
import asyncio
import json
import sys
from pathlib import Path

import aiokafka.record.default_records as default_records
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError
from aiokafka.record._crecords import crc32c_cython

from nasty import records

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checker"))
from kafka_ids import topic_ids  # noqa: E402

# The one slow part of the pure Python writer: 10 s for the large values.
default_records.calc_crc32c = crc32c_cython

BIG = 80 * 2**20
# Fixed, so that the corpus is the same every time; the topics never expire.
BASE_TIME = 1_767_225_600_000
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]
WAIT_SECONDS_MAX = 60


class HeaderName(str):
    """A header name of any bytes: the client calls `encode` on it."""

    raw: bytes

    def __new__(cls, raw: bytes):
        name = super().__new__(cls, raw.decode("utf-8", "replace"))
        name.raw = raw
        return name

    def encode(self, *_: object) -> bytes:
        return self.raw


async def create(brokers: str, name: str, partitions: int, **configs: str) -> str:
    """Creates a topic and waits until it can be seen. Returns its id."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        for _ in range(WAIT_SECONDS_MAX * 4):
            response = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs={key.replace("_", "."): value for key, value in configs.items()})])
            error = response.topic_errors[0][1]
            if error == 0:
                break
            if error != TopicAlreadyExistsError.errno:
                raise SystemExit(f"create {name}: {response.topic_errors}")
            await asyncio.sleep(0.25)
    finally:
        await admin.close()
    for _ in range(WAIT_SECONDS_MAX * 4):
        found = topic_ids(brokers, [name])[1].get(name)
        if found and found[1] == partitions:
            return found[0]
        await asyncio.sleep(0.25)
    raise SystemExit(f"{name} does not appear")


async def delete(brokers: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        response = await admin.delete_topics([name])
        error = response.topic_error_codes[0][1]
        if error not in (0, UnknownTopicOrPartitionError.errno):
            raise SystemExit(f"delete {name}: {response.topic_error_codes}")
    finally:
        await admin.close()


def producer(brokers: str, codec: str | None = None, **more) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=brokers, compression_type=codec, max_request_size=BIG, request_timeout_ms=60_000, linger_ms=5, **more)


def plain(number: int) -> bytes:
    return json.dumps({"id": 9_007_199_254_740_993 + number, "kind": "plain", "customer": {"name": f"Zoë {number}", "country": ["DE", "FR", "ES"][number % 3]}, "total": number + 0.25, "items": [{"sku": f"s{number % 7}", "count": number % 5}]}, ensure_ascii=False).encode()


async def fill_nasty(brokers: str, topic: str, big_bytes: int, plain_records: int) -> int:
    nasty = records(big_bytes)
    spacing = max(1, plain_records // max(1, len(nasty)))
    count = 0
    async with producer(brokers) as out:
        pending = []
        for number, record in enumerate(nasty):
            partition = number % 3
            headers = [(HeaderName(name), value) for name, value in record.headers]
            if record.value is None and record.key is None:  # send() refuses it, Kafka does not
                batch = out.create_batch()
                batch.append(timestamp=BASE_TIME + count, key=None, value=None, headers=headers)
                pending.append(await out.send_batch(batch, topic, partition=partition))
            else:
                pending.append(await out.send(topic, record.value, record.key, partition, BASE_TIME + count, headers))
            count += 1
            for _ in range(spacing):
                pending.append(await out.send(topic, plain(count), f"plain-{count}".encode(), partition, BASE_TIME + count))
                count += 1
            if len(pending) > 500:
                await asyncio.gather(*pending)
                pending = []
        await asyncio.gather(*pending)
    return count


async def fill_codecs(brokers: str, topic: str) -> int:
    count = 0
    for round_number in range(2):
        for codec in CODECS:
            async with producer(brokers, codec) as out:
                pending = []
                for number in range(200):
                    value = None if number % 50 == 49 else plain(count) if number % 10 else bytes([number, 255, 0]) * 50
                    pending.append(await out.send(topic, value, f"{codec}-{round_number}".encode(), number % 2, BASE_TIME + count, [("codec", str(codec).encode())]))
                    count += 1
                await asyncio.gather(*pending)
    return count


async def fill_txn(brokers: str, topic: str, prefix: str) -> int:
    """Committed and aborted transactions of two producers that overlap, plain records between them, markers at the end of every partition."""
    count = committed = 0
    async with producer(brokers, transactional_id=f"{prefix}.a", enable_idempotence=True) as a, producer(brokers, transactional_id=f"{prefix}.b", enable_idempotence=True) as b, producer(brokers) as outside:

        async def send(out: AIOKafkaProducer, what: str, records_count: int, keep: bool) -> None:
            nonlocal count, committed
            pending = []
            for _ in range(records_count):
                pending.append(await out.send(topic, json.dumps({"id": count, "kind": what}).encode(), what.encode(), count % 2, BASE_TIME + count))
                count += 1
            await asyncio.gather(*pending)
            committed += records_count if keep else 0

        for turn in range(12):
            await a.begin_transaction()
            await b.begin_transaction()
            await send(a, "a", 7, turn % 3 != 0)
            await send(b, "b", 5, turn % 2 == 0)
            await send(outside, "outside", 3, True)
            await send(a, "a", 2, turn % 3 != 0)
            await (a.commit_transaction() if turn % 3 != 0 else a.abort_transaction())
            await (b.commit_transaction() if turn % 2 == 0 else b.abort_transaction())
        await a.begin_transaction()
        await send(a, "aborted at the end", 6, False)
        await a.abort_transaction()
    return committed


async def fill_compact(brokers: str, topic: str) -> int:
    """Overwrites ten keys in several segments, between keys that come once, and waits until the cleaner has left holes."""
    count = 0
    for _ in range(4):
        async with producer(brokers) as out:
            pending = []
            for number in range(300):
                value = None if number % 97 == 0 else json.dumps({"id": count, "kind": "compact", "filler": "x" * 200}).encode()
                key = f"once-{count}" if number % 5 == 0 else f"key-{number % 10}"
                pending.append(await out.send(topic, value, key.encode(), number % 2, BASE_TIME + count))
                count += 1
            await asyncio.gather(*pending)
        await asyncio.sleep(1.2)
    async with producer(brokers) as out:
        for partition in (0, 1):
            await out.send_and_wait(topic, b'{"id":-1,"kind":"rolls the segment"}', b"last", partition)
    for _ in range(WAIT_SECONDS_MAX):
        held = await count_records(brokers, topic, 2)
        if held < count // 2:
            return held
        await asyncio.sleep(1)
    raise SystemExit(f"the cleaner left no holes: {held} of {count} records are still there")


async def count_records(brokers: str, topic: str, partitions_count: int) -> int:
    partitions = [TopicPartition(topic, number) for number in range(partitions_count)]
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        count = 0
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            count += sum(len(messages) for messages in (await consumer.getmany(timeout_ms=500)).values())
        return count
    finally:
        await consumer.stop()


async def fill_twice(brokers: str, topic: str, incarnation: int, count: int, partitions: int) -> int:
    async with producer(brokers) as out:
        pending = [await out.send(topic, json.dumps({"id": number, "kind": "twice", "incarnation": incarnation}).encode(), str(number).encode(), number % partitions, BASE_TIME + number) for number in range(count)]
        await asyncio.gather(*pending)
    return count


async def fill_plain(brokers: str, topic: str, count: int, partitions: int) -> int:
    async with producer(brokers, "lz4") as out:
        pending = []
        for number in range(count):
            pending.append(await out.send(topic, plain(number), str(number).encode(), number % partitions, BASE_TIME + number))
            if len(pending) == 2000:
                await asyncio.gather(*pending)
                pending = []
        await asyncio.gather(*pending)
    return count


async def produce(given: argparse.Namespace) -> dict:
    wanted = given.only.split(",")
    made = {}
    for kind in wanted:
        topic = f"{given.prefix}.{kind}"
        partitions = {"nasty": 3, "codecs": 2, "txn": 2, "compact": 2, "twice": 2, "plain": given.partitions}[kind]
        configs = {
            "nasty": {"max_message_bytes": str(BIG)},
            "compact": {"cleanup_policy": "compact", "segment_ms": "1000", "min_cleanable_dirty_ratio": "0.01", "max_compaction_lag_ms": "1000", "delete_retention_ms": "1000"},
        }.get(kind, {})
        topic_id = await create(given.brokers, topic, partitions, retention_ms="-1", **configs)
        if kind == "nasty":
            count = await fill_nasty(given.brokers, topic, given.big_bytes, given.plain)
        elif kind == "codecs":
            count = await fill_codecs(given.brokers, topic)
        elif kind == "txn":
            count = await fill_txn(given.brokers, topic, given.prefix)
        elif kind == "compact":
            count = await fill_compact(given.brokers, topic)
        elif kind == "twice":
            count = await fill_twice(given.brokers, topic, 1, given.records, 2)
        else:
            count = await fill_plain(given.brokers, topic, given.records, partitions)
        made[topic] = {"topicId": topic_id, "partitions": partitions, "records": count}
    return made


async def recreate(given: argparse.Namespace) -> dict:
    topic = f"{given.prefix}.twice"
    await delete(given.brokers, topic)
    topic_id = await create(given.brokers, topic, 3, retention_ms="-1")
    return {topic: {"topicId": topic_id, "partitions": 3, "records": await fill_twice(given.brokers, topic, 2, given.records, 3)}}


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--brokers", required=True)
    arguments.add_argument("--prefix", required=True)
    arguments.add_argument("--only", default="nasty,codecs,txn,compact,twice")
    arguments.add_argument("--big-bytes", type=int, default=50_000_000, help="size of the largest value; 0 for none")
    arguments.add_argument("--plain", type=int, default=1200, help="plain records between the nasty ones")
    arguments.add_argument("--records", type=int, default=100, help="records of P.twice and P.plain")
    arguments.add_argument("--partitions", type=int, default=3, help="partitions of P.plain")
    arguments.add_argument("what", choices=["produce", "recreate"])
    given = arguments.parse_args()
    print(json.dumps(asyncio.run(produce(given) if given.what == "produce" else recreate(given))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
