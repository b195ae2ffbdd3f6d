"""The common form of one Kafka record that both sides of the comparison print: one tab-separated line.

    topicId  partition  offset  timestamp  key  headers  value

timestamp is milliseconds or `-` (Kafka's -1); key and value are `null` (a Kafka null) or `<length>:<SHA-256>`, so that a tombstone, an empty value and
the JSON text `null` are three different things; headers is compact JSON `[[name, value], ...]` with both as base64, a null value as null.
"""

import base64
import hashlib
import json
from collections.abc import Sequence


def digest(data: bytes | None) -> str:
    return "null" if data is None else f"{len(data)}:{hashlib.sha256(data).hexdigest()}"


def headers_text(headers: Sequence[tuple[bytes, bytes | None]]) -> str:
    def b64(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    return json.dumps([[b64(name), b64(value)] for name, value in headers], separators=(",", ":"))


def canonical_line(
    topic_id: str, partition: int, offset: int, timestamp: int | None, key: bytes | None, headers: Sequence[tuple[bytes, bytes | None]], value: bytes | None
) -> str:
    time = "-" if timestamp is None or timestamp == -1 else str(timestamp)
    return "\t".join([topic_id, str(partition), str(offset), time, digest(key), headers_text(headers), digest(value)])
