#!/usr/bin/env python3
"""What Kafka holds of a topic, read all the time by a client that is not librdkafka (aiokafka, read_committed), while brokers may die under it.

    watch_truth.py --brokers B --topic T --out DIR

Writes per source partition a file of fixed records (truth_files.py): offset, time, hashes, and which producer's which sequence it is. SIGTERM: reads to the last stable offsets,
closes the files, prints a JSON summary and leaves it as DIR/truth.json. Started again on the same folder it goes on where the files end.
A topic that was made again has a new topic id and new files; new partitions are found within seconds.
"""

import argparse
import asyncio
import json
import os
import signal
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from identity import RECORD, RECORD_FORM, Producers, envelope_hash, value_hash
from kafka_ids import topic_ids
from truth_files import PRODUCERS, SUMMARY, read_producers, records_path

PACK = struct.Struct(RECORD_FORM).pack
RECORDS_MAX = 5_000
CONFIRM_SECONDS = 0.5
FETCH_BYTES_MAX = 64 * 2**20
RETRY_SECONDS = 0.5
ENDING_SECONDS_MAX = 28
# The last stable offset may still rise right after SIGTERM, when markers of the last transactions are written.
SETTLE_SECONDS = 1.0
# A consumer that has been given nothing for so long is made anew: a client may fall silent while it looks alive.
SILENT_SECONDS_MAX = 20
SILENT_SECONDS_MAX_AT_END = 6


@dataclass
class Part:
    """One source partition; `end` is the next offset to read, what lies below it is in the file or in `waiting`."""

    start: int
    end: int
    file: object
    records: int = 0
    waiting: list[bytes] = field(default_factory=list)
    confirmed_end: int = 0


class Watch:
    def __init__(self, brokers: str, topic: str, out: Path):
        self.brokers, self.topic, self.out = brokers, topic, out
        out.mkdir(parents=True, exist_ok=True)
        self.producers = Producers(read_producers(out))
        self.names = open(out / PRODUCERS, "a")
        self.names_kept = len(self.producers.names)
        self.parts: dict[tuple[str, int], Part] = {}
        self.topic_id = ""
        self.stopping: float | None = None
        self.errors = self.mismatched = self.rewound = 0

    def stop(self) -> None:
        self.stopping = self.stopping or time.monotonic()

    @property
    def must_end(self) -> bool:
        return self.stopping is not None and time.monotonic() - self.stopping > ENDING_SECONDS_MAX

    async def run(self) -> dict:
        complete = False
        while not complete and not self.must_end:
            try:
                complete = await self.session()
            except (KafkaError, OSError, TimeoutError) as error:
                self.errors += 1
                self.discard()
                note(f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_SECONDS)
        return self.close(complete)

    async def ids(self) -> tuple[str, int]:
        """Topic id and number of partitions, from any broker that answers."""
        problem: Exception = OSError("no broker")
        for broker in self.brokers.split(","):
            try:
                _, found = await asyncio.to_thread(topic_ids, broker, [self.topic])
                if self.topic in found:
                    return found[self.topic]
                problem = OSError(f"{broker} does not know {self.topic}")
            except (OSError, struct.error, IndexError) as error:
                problem = error
        raise OSError(f"topic id: {problem}") from problem

    async def session(self) -> bool:
        """Reads with one consumer until the topic changes (False) or, once stopping, everything stable was read (True)."""
        topic_id, count = await self.ids()
        self.topic_id = topic_id
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.brokers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            check_crcs=True,
            max_partition_fetch_bytes=FETCH_BYTES_MAX // 4,
            fetch_max_bytes=FETCH_BYTES_MAX,
            request_timeout_ms=10_000,
            retry_backoff_ms=100,
            metadata_max_age_ms=5_000,
        )
        await consumer.start()
        try:
            partitions = [TopicPartition(self.topic, number) for number in range(count)]
            consumer.assign(partitions)
            starts = await consumer.beginning_offsets(partitions)
            for tp in partitions:
                part = self.part(topic_id, tp.partition, starts[tp])
                consumer.seek(tp, part.end)
            return await self.follow(consumer, topic_id, partitions)
        finally:
            await self.end(consumer)

    async def end(self, consumer: AIOKafkaConsumer) -> None:
        """Fetches under way when a broker dies end with the cancellation that `stop` itself asked for; nobody else cancels here."""
        try:
            await consumer.stop()
        except (asyncio.CancelledError, KafkaError, OSError, TimeoutError) as error:
            self.errors += 1
            note(f"stop: {type(error).__name__}: {error}")

    async def follow(self, consumer: AIOKafkaConsumer, topic_id: str, partitions: list[TopicPartition]) -> bool:
        confirmed = settled = time.monotonic()
        while not self.must_end:
            batches = await consumer.getmany(timeout_ms=100, max_records=RECORDS_MAX)
            for tp, messages in batches.items():
                self.take(self.parts[(topic_id, tp.partition)], messages)
            if batches:
                settled = time.monotonic()
            if time.monotonic() - confirmed > CONFIRM_SECONDS:
                # Names only are in what aiokafka fetches: records count as this incarnation's once the same id is seen after them.
                if await self.ids() != (topic_id, len(partitions)):
                    self.discard()
                    return False
                self.keep()
                confirmed = time.monotonic()
            if time.monotonic() - max(settled, self.stopping or 0) > (SILENT_SECONDS_MAX if self.stopping is None else SILENT_SECONDS_MAX_AT_END):
                return False
            if self.stopping is not None and time.monotonic() - max(settled, self.stopping) > SETTLE_SECONDS and await self.at_end(consumer, topic_id, partitions):
                return True
        return False

    async def at_end(self, consumer: AIOKafkaConsumer, topic_id: str, partitions: list[TopicPartition]) -> bool:
        ends = await consumer.end_offsets(partitions)
        for tp in partitions:
            position = await consumer.position(tp)
            if position < ends[tp]:
                return False
            self.parts[(topic_id, tp.partition)].end = position
        if (await self.ids())[0] != topic_id:
            self.discard()
            return False
        self.keep()
        return True

    def part(self, topic_id: str, partition: int, start: int) -> Part:
        """Opens the file of a source partition, behind the last whole record of an earlier run."""
        found = self.parts.get((topic_id, partition))
        if found is None:
            path = records_path(self.out, topic_id, partition)
            file = open(path, "a+b", buffering=0)
            size = os.path.getsize(path) // RECORD.itemsize * RECORD.itemsize
            file.truncate(size)
            end = start
            if size:
                last = struct.unpack_from("<q", read_at(file, size - RECORD.itemsize, 8))[0]
                start, end = struct.unpack_from("<q", read_at(file, 0, 8))[0], last + 1
            found = self.parts[(topic_id, partition)] = Part(start, end, file, size // RECORD.itemsize, confirmed_end=end)
        return found

    def take(self, part: Part, messages: list) -> None:
        """The hot path: about 3 µs a record."""
        identify, waiting = self.producers.identify, part.waiting
        if messages[0].offset < part.end:
            # The log lost its end (an unclean election): what was read stays the truth, new records at old offsets are counted.
            self.rewound += sum(message.offset < part.end for message in messages)
            messages = [message for message in messages if message.offset >= part.end]
            if not messages:
                return
        for message in messages:
            if message.headers:
                headers = [(name.encode(), value) for name, value in message.headers]
            else:
                headers = []
            value = value_hash(message.value)
            producer, sequence, same = identify(headers, value)
            if not same:
                self.mismatched += 1
            waiting.append(PACK(message.offset, message.timestamp, envelope_hash(message.key, headers), value, sequence, producer))
        part.end = messages[-1].offset + 1

    def keep(self) -> None:
        """Writes what is confirmed; names first, since records point at them."""
        if len(self.producers.names) > self.names_kept:
            self.names.write("".join(f"{name}\n" for name in self.producers.names[self.names_kept :]))
            self.names.flush()
            self.names_kept = len(self.producers.names)
        for part in self.parts.values():
            if part.waiting:
                part.file.write(b"".join(part.waiting))  # type: ignore[attr-defined]
                part.records += len(part.waiting)
                part.waiting.clear()
            part.confirmed_end = part.end

    def discard(self) -> None:
        for part in self.parts.values():
            part.waiting.clear()
            part.end = part.confirmed_end

    def close(self, complete: bool) -> dict:
        self.discard()
        summary = {
            "topic": self.topic,
            "complete": complete,
            "topicId": self.topic_id,
            "records": sum(part.records for part in self.parts.values()),
            "errors": self.errors,
            "hashMismatches": self.mismatched,
            "rewound": self.rewound,
            "partitions": [
                {"partition": partition, "topicId": topic_id, "startOffset": part.start, "endOffset": part.confirmed_end, "records": part.records}
                for (topic_id, partition), part in sorted(self.parts.items())
            ],
        }
        temporary = self.out / f"{SUMMARY}.new"
        temporary.write_text(json.dumps(summary))
        temporary.rename(self.out / SUMMARY)
        return summary


def read_at(file, position: int, size: int) -> bytes:
    return os.pread(file.fileno(), size, position)


def note(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} watch_truth: {text}", file=sys.stderr, flush=True)


async def run(given: argparse.Namespace) -> dict:
    watch = Watch(given.brokers, given.topic, Path(given.out))
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, watch.stop)
    return await watch.run()


def main() -> int:
    arguments = argparse.ArgumentParser()
    for name in ("--brokers", "--topic", "--out"):
        arguments.add_argument(name, required=True)
    summary = asyncio.run(run(arguments.parse_args()))
    print(json.dumps(summary), flush=True)
    return 0 if summary["complete"] else 1


if __name__ == "__main__":
    sys.exit(main())
