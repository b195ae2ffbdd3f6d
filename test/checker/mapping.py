"""A second implementation of "how records become rows", written from docs/formats/table.md: one raw record and the table's schema give a row, or say why there is none.

Column names are taken from the table and un-escaped, since who came first decides about names that differ only by case; `name_problems` checks that each is a form the rule allows.
Values are canonical: what all readers' values are turned into before they are compared (`canonical`).
"""

import hashlib
import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

NESTING_MAX = 16
MEMBERS_MAX = 10_000
PROVENANCE = ["_source_topic", "_source_topic_id", "_source_partition", "_source_offset", "_source_timestamp"]
ODD = re.compile("[ ,;{}()=\x00-\x1f\x7f-\x9f]|_(?=[xX][0-9a-fA-F]{4})")
ESCAPE = re.compile("_[xX]([0-9a-fA-F]{4})_")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass
class Number:
    """A JSON number by its text."""

    text: str

    @property
    def is_fraction(self) -> bool:
        return any(char in self.text for char in ".eE")


class DataError(Exception):
    """The record is quarantined."""


class Mismatch(Exception):
    """A value of another type than its column: a schema change, or under a decision quarantined."""


# --- names (table.md section 4) ---


def units(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [unit for (unit,) in struct.iter_unpack("<H", data)]


def escape_units(text: str) -> str:
    return "".join(f"_x{unit:04X}_" for unit in units(text))


def candidates(name: str) -> list[str]:
    if name == "":
        return ["_x_"]

    def plain(text: str) -> str:
        return ODD.sub(lambda match: escape_units(match[0]), text)

    first = "_x005F_" + name[1:] if name in ("_x_", "_X_") else plain(name)
    return [first, escape_units(name[0]) + plain(name[1:]), escape_units(name)]


def unescape_name(column: str) -> str:
    if column == "_x_":
        return ""
    plain = ESCAPE.sub(lambda match: chr(int(match[1], 16)), column)
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def name_problems(fields: list[dict], taken: set[str], path: str = "") -> Iterator[str]:
    """Checks the names of data columns, at every level, against the rule. `taken` are our own names, lower-cased."""
    seen = set(taken)
    for field in fields:
        name = unescape_name(field["name"])
        wanted = candidates(name)
        if field["name"] not in wanted:
            yield f"{path}{field['name']!r} is no form of {name!r}"
        else:
            for earlier in wanted[: wanted.index(field["name"])]:
                if earlier.lower() not in seen:
                    yield f"{path}{field['name']!r}: the form {earlier!r} was free"
        if field["name"].lower() in seen:
            yield f"{path}{field['name']!r} is there twice, ignoring case"
        seen.add(field["name"].lower())
        inner = field["type"]
        while isinstance(inner, dict) and inner["type"] == "array":
            inner = inner["elementType"]
        if isinstance(inner, dict):
            yield from name_problems(inner["fields"], set(), f"{path}{field['name']}.")


# --- values (sections 2 and 3) ---


def refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=refuse_constant, strict=True)


def parse_value(data: bytes) -> dict:
    """The record's object, numbers by their text. Raises DataError."""
    try:
        value = DECODER.decode(data.decode("utf-8", "strict"))
    except RecursionError as error:
        raise DataError("nesting_too_deep") from error
    except ValueError as error:
        raise DataError("not_json") from error
    if not isinstance(value, dict):
        raise DataError("not_object")
    check(value, 1)
    return value


def well_formed(text: str) -> bool:
    try:
        text.encode()
        return True
    except UnicodeEncodeError:
        return False


def check(value: object, depth: int) -> None:
    """Raises DataError for what no column of any type could hold."""
    if isinstance(value, str):
        if not well_formed(value):
            raise DataError("lone_surrogate")
    elif isinstance(value, Number):
        if value.is_fraction:
            if math.isinf(float(value.text)):
                raise DataError("fraction_out_of_range")
        elif len(value.text) > 20 or not -(2**63) <= int(value.text) < 2**63:
            raise DataError("integer_out_of_range")
    elif isinstance(value, (dict, list)):
        if depth > NESTING_MAX:
            raise DataError("nesting_too_deep")
        if isinstance(value, dict):
            if len(value) > MEMBERS_MAX:
                raise DataError("too_many_fields")
            if not all(map(well_formed, value)):
                raise DataError("lone_surrogate")
        for child in value.values() if isinstance(value, dict) else value:
            check(child, depth + 1)


def at_path(value: dict, path: str) -> object:
    found: object = value
    for name in map(unescape_name, path.split(".")):
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def holds_something(value: object) -> bool:
    """False for null, `[]`, `{}` and arrays and objects of nothing else: such a field may have no column yet."""
    if isinstance(value, dict):
        return any(map(holds_something, value.values()))
    if isinstance(value, list):
        return any(map(holds_something, value))
    return value is not None


def scalar_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.text if isinstance(value, Number) else str(value)


def convert(value: object, kind: object, path: str, as_text: bool = False) -> object:
    """A JSON value as the canonical value of its column's type."""
    if value is None:
        return None
    if as_text:
        if isinstance(value, (dict, list)):
            if value:
                raise Mismatch(path)
            return None
        return scalar_text(value)
    if isinstance(kind, dict) and kind["type"] == "struct":
        if not isinstance(value, dict):
            raise Mismatch(path)
        return convert_members(value, kind["fields"], path)
    if isinstance(kind, dict):
        if not isinstance(value, list):
            raise Mismatch(path)
        return [convert(element, kind["elementType"], f"{path}[]") for element in value] or None
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "long" and isinstance(value, Number) and not value.is_fraction:
        return int(value.text)
    if kind == "double" and isinstance(value, Number):
        if not value.is_fraction and int(float(value.text)) != int(value.text):
            raise DataError("integer_inexact")
        return float(value.text)
    raise Mismatch(path)


MEMBERS: dict[int, tuple[list[dict], dict[str, dict]]] = {}


def members_of(fields: list[dict]) -> dict[str, dict]:
    """Data columns or struct members by JSON field name; kept, since a schema is asked for every record."""
    kept = MEMBERS.get(id(fields))
    if kept is None:
        data = [field for field in fields if field["metadata"].get("millrace.origin", "data") == "data"]
        kept = MEMBERS[id(fields)] = (fields, {unescape_name(field["name"]): field for field in data})
    return kept[1]


def convert_members(value: dict, fields: list[dict], path: str) -> dict | None:
    """Members that are not null, by column name."""
    by_name = members_of(fields)
    row = {}
    for name, member in value.items():
        field = by_name.get(name)
        if field is None:
            if holds_something(member):
                raise LookupError(f"{path}{name!r} holds something but has no column")
            continue
        converted = convert(member, field["type"], f"{path}{field['name']}.", field["metadata"].get("millrace.scalarsAsText", False))
        if converted is not None:
            row[field["name"]] = converted
    return row or None


@dataclass
class Mapping:
    """How one dataset's records become rows of a table with this schema."""

    schema: dict
    partition_columns: list[str]
    pk_fields: list[str]

    def __post_init__(self) -> None:
        self.data = [field for field in self.schema["fields"] if field["metadata"].get("millrace.origin", "data") == "data"]
        self.derived = [field for field in self.schema["fields"] if field["metadata"].get("millrace.origin") == "derived"]

    def problems(self) -> list[str]:
        """What is wrong with the schema itself: order of columns, names."""
        names = [field["name"] for field in self.schema["fields"]]
        wanted = [field["name"] for field in self.data] + [field["name"] for field in self.derived] + PROVENANCE
        problems = [] if names == wanted else [f"columns stand in the order {names}, not {wanted}"]
        own = {name.lower() for name in [*PROVENANCE, "_source_row", *(field["name"] for field in self.derived)]}
        return problems + list(name_problems(self.data, own))

    def row(self, topic: str, topic_id: str, partition: int, offset: int, timestamp: int | None, value: bytes) -> dict:
        """The canonical row. Raises DataError, Mismatch, or LookupError when the table lost a field."""
        record = parse_value(value)
        for path in self.pk_fields:
            key = at_path(record, path)
            if key is None or key == [] or key == {}:
                raise DataError("key_missing")
        row = convert_members(record, self.data, "") or {}
        for field in self.derived:
            row[field["name"]] = self.derive(field["metadata"]["millrace.partitionKey"], record, timestamp)
        row |= {"_source_topic": topic, "_source_topic_id": topic_id, "_source_partition": partition, "_source_offset": offset}
        row["_source_timestamp"] = None if timestamp is None else timestamp * 1000
        for name in self.partition_columns:
            if row.get(name) == "":
                row[name] = None
        return row

    def derive(self, key: str, record: dict, timestamp: int | None) -> object:
        if key in ("day(_source_timestamp)", "hour(_source_timestamp)"):
            if timestamp is None:
                return None
            time = EPOCH + timedelta(milliseconds=timestamp)
            return time.strftime("%Y-%m-%d" if key.startswith("day") else "%Y-%m-%d-%H")
        return convert(at_path(record, key), "string", key, as_text=True)


# --- canonical form (common to the mapping and all readers) ---


def canonical(value: object, kind: object) -> object:
    """A reader's value in the form `Mapping.row` gives: 64-bit integers as int, doubles as float, timestamps as microseconds, dates as text, empties as null."""
    if value is None:
        return None
    if isinstance(kind, dict) and kind["type"] == "struct":
        row = {field["name"]: canonical(value.get(field["name"]), field["type"]) for field in kind["fields"]}
        return row if any(member is not None for member in row.values()) else None
    if isinstance(kind, dict):
        return [canonical(element, kind["elementType"]) for element in value] or None
    if kind in ("long", "integer"):
        return int(value)
    if kind == "double":
        return float(value)
    if kind == "timestamp":
        return (value.astimezone(timezone.utc) - EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else int(value)
    if kind == "date":
        return str(value)
    return value


def encode(value: object) -> str:
    """One text per canonical value: JSON with sorted members, doubles by their exact bits (the sign of a zero aside)."""

    def plain(item: object) -> object:
        if isinstance(item, float):
            return {"double": "0" if item == 0 else item.hex()}
        if isinstance(item, dict):
            return {name: plain(member) for name, member in item.items() if member is not None}
        if isinstance(item, list):
            return [plain(element) for element in item]
        return str(item) if isinstance(item, Decimal) else item

    return json.dumps(plain(value), sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def row_hash(row: dict) -> str:
    return hashlib.sha256(encode(row).encode()).hexdigest()[:32]
