#!/usr/bin/env python3
"""What Kafka itself holds of a topic, read with a client that is not librdkafka (aiokafka, `read_committed`), in the form of canonical.py.

    kafka_truth.py --brokers 127.0.0.1:9092 --topic orders --out truth.tsv

Reads every partition from its first offset to the last stable offset as it was at the start. Prints a JSON summary.
--any-header-name also reads headers whose names are not UTF-8, at a tenth of the speed (the client's pure Python reader, patched).
"""

import argparse
import asyncio
import json
import os
import sys
import time

if "--any-header-name" in sys.argv:
    os.environ["AIOKAFKA_NO_EXTENSIONS"] = "1"

import aiokafka.record.default_records as default_records
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.record._crecords import crc32c_cython

from canonical import canonical_line
from kafka_ids import topic_ids

IDLE_SECONDS_MAX = 60


class _HeaderName(bytes):
    """aiokafka decodes header names as UTF-8 and dies of others; bytes that decode to themselves keep them as they are."""

    def decode(self, *_: object) -> bytes:  # type: ignore[override]
        return bytes(self)


class _Buffer(bytes):
    """The bytes of a record batch; slices taken while a header name is read keep their bytes."""

    def __getitem__(self, at):  # type: ignore[override]
        part = super().__getitem__(at)
        return _HeaderName(part) if isinstance(at, slice) else part


def keep_header_names() -> None:
    batch = default_records.DefaultRecordBatch
    plain = batch._read_msg

    def read(self, *given):
        if not isinstance(self._buffer, _Buffer):
            self._buffer = _Buffer(self._buffer)
        return plain(self, *given)

    batch._read_msg = read
    # the pure Python one takes 10 s for the large values
    default_records.calc_crc32c = crc32c_cython


async def read(brokers: str, topic: str, out) -> dict:
    cluster, found = topic_ids(brokers, [topic])
    if topic not in found:
        raise SystemExit(f"topic {topic} does not exist at {brokers}")
    topic_id, count = found[topic]
    partitions = [TopicPartition(topic, number) for number in range(count)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        check_crcs=True,
        max_partition_fetch_bytes=80 * 2**20,
        fetch_max_bytes=80 * 2**20,
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        starts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        counts = {tp: 0 for tp in partitions}
        moved = time.monotonic()
        for tp in partitions:
            consumer.seek(tp, starts[tp])
        waiting = [tp for tp in partitions if starts[tp] < ends[tp]]
        while waiting:
            batches = await consumer.getmany(*waiting, timeout_ms=500, max_records=5000)
            for tp, messages in batches.items():
                for message in messages:
                    counts[tp] += 1
                    headers = [(name.encode() if isinstance(name, str) else bytes(name), value) for name, value in message.headers]
                    out.write(canonical_line(topic_id, tp.partition, message.offset, message.timestamp, message.key, headers, message.value) + "\n")
            if batches:
                moved = time.monotonic()
            elif time.monotonic() - moved > IDLE_SECONDS_MAX:
                raise SystemExit(f"nothing arrives any more below the end: {waiting}")
            waiting = [tp for tp in waiting if await consumer.position(tp) < ends[tp]]
        return {
            "clusterId": cluster,
            "topic": topic,
            "topicId": topic_id,
            "partitions": [{"partition": tp.partition, "start": starts[tp], "end": ends[tp], "records": counts[tp]} for tp in partitions],
        }
    finally:
        await consumer.stop()


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--brokers", required=True)
    arguments.add_argument("--topic", required=True)
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--any-header-name", action="store_true")
    given = arguments.parse_args()
    if given.any_header_name:
        keep_header_names()
    with open(given.out, "w", encoding="utf-8") as out:
        print(json.dumps(asyncio.run(read(given.brokers, given.topic, out))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
