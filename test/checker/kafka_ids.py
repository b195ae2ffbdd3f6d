"""Cluster id and topic ids by one Metadata request (version 12) over a plain socket: the Python client knows names only."""

import base64
import socket
import struct


class _Reader:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, form: str) -> int:
        return struct.unpack(f">{form}", self.take(struct.calcsize(form)))[0]

    def varint(self) -> int:
        result = shift = 0
        while True:
            byte = self.take(1)[0]
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7

    def text(self) -> str | None:
        length = self.varint()
        return None if length == 0 else self.take(length - 1).decode()

    def tags(self) -> None:
        for _ in range(self.varint()):
            self.varint()
            self.take(self.varint())


def topic_ids(brokers: str, topics: list[str]) -> tuple[str, dict[str, tuple[str, int]]]:
    """Cluster id, and per existing topic its id as Kafka prints it and the number of its partitions."""
    host, port = brokers.split(",")[0].rsplit(":", 1)
    body = struct.pack(">hhih", 3, 12, 1, -1) + b"\0" + bytes([len(topics) + 1])
    for topic in topics:
        body += bytes(16) + bytes([len(topic) + 1]) + topic.encode() + b"\0"
    body += b"\0\0\0"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        with connection.makefile("rb") as stream:
            reader = _Reader(stream.read(struct.unpack(">i", stream.read(4))[0]))
    reader.number("i"), reader.tags(), reader.number("i")
    for _ in range(reader.varint() - 1):
        reader.number("i"), reader.text(), reader.number("i"), reader.text(), reader.tags()
    cluster = reader.text() or ""
    reader.number("i")
    found = {}
    for _ in range(reader.varint() - 1):
        error, name, uuid = reader.number("h"), reader.text(), reader.take(16)
        reader.take(1)
        partitions = reader.varint() - 1
        for _ in range(partitions):
            reader.number("h"), reader.number("i"), reader.number("i"), reader.number("i")
            for _ in range(3):
                reader.take(4 * (reader.varint() - 1))
            reader.tags()
        reader.number("i"), reader.tags()
        if error == 0 and name:
            found[name] = (base64.urlsafe_b64encode(uuid).decode().rstrip("="), partitions)
    return cluster, found
