"""How the programs of a chaos run name a record, so that it can be found again in Kafka, in raw and in the table.

Every produced record carries one header `src` with the value `<producer>:<sequence>:<hash of the value>`; sequences of a producer start at 0. Values and keys stay free to be
anything: tombstones, other formats, repeated keys. All hashes are 64-bit XXH3.
"""

from collections.abc import Sequence

import numpy
from xxhash import xxh3_64_intdigest as xxh3

HEADER = "src"
HEADER_BYTES = HEADER.encode()
# Number of a record that no producer of the run wrote.
NO_PRODUCER = 0xFFFFFFFF

# One record of the truth, or of raw: `envelope` is the hash of key and headers, `value` that of the value (0 for a tombstone), times are ms (-1: none).
RECORD = numpy.dtype([("offset", "<i8"), ("timestamp", "<i8"), ("envelope", "<u8"), ("value", "<u8"), ("sequence", "<i8"), ("producer", "<u4")])
RECORD_FORM = "<qqQQqI"


def value_hash(value: bytes | None) -> int:
    return 0 if value is None else xxh3(value)


def envelope_hash(key: bytes | None, headers: Sequence[tuple[bytes, bytes | None]]) -> int:
    """A null header value counts as an empty one: the landing client cannot tell them apart (docs/formats/raw.md section 5)."""
    if len(headers) == 1:
        name, value = headers[0]
        return xxh3(b"%r|%b|%b" % (key, name, value or b""))
    return xxh3(repr((key, [(name, value or b"") for name, value in headers])).encode())


def header_value(producer: str, sequence: int, value: bytes | None) -> bytes:
    return b"%b:%d:%x" % (producer.encode(), sequence, value_hash(value))


class Producers:
    """Numbers for producers' names, in order of appearance."""

    def __init__(self, names: Sequence[str] = ()):
        self.names = list(names)
        self.numbers = {name.encode(): number for number, name in enumerate(self.names)}

    def number(self, name: bytes) -> int:
        found = self.numbers.get(name)
        if found is None:
            found = self.numbers[name] = len(self.names)
            self.names.append(name.decode())
        return found

    def identify(self, headers: Sequence[tuple[bytes, bytes | None]], value: int) -> tuple[int, int, bool]:
        """Producer, sequence, and whether the hash in the header is that of the value; NO_PRODUCER and -1 for a record without the header."""
        for name, text in headers:
            if name == HEADER_BYTES and text is not None:
                producer, sequence, digest = text.split(b":")
                return self.number(producer), int(sequence), int(digest, 16) == value
        return NO_PRODUCER, -1, True
