"""Checks the `stats` of one Delta `add` against the file's real rows, and what the footer says about types and field ids."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pyarrow.parquet as parquet

STRING_PREFIX = 32
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def leaves(fields: list[dict], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Paths of leaf columns; a list counts as one."""
    for field in fields:
        kind = field["type"]
        if isinstance(kind, dict) and kind["type"] == "struct":
            yield from leaves(kind["fields"], (*path, field["name"]))
        else:
            yield (*path, field["name"]), kind


def value_at(row: dict, path: tuple[str, ...]) -> object:
    found: object = row
    for name in path:
        if found is None:
            return None
        found = found.get(name)  # type: ignore[union-attr]
    return found


def stat_at(stats: dict, path: tuple[str, ...]) -> object:
    found: object = stats
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def milliseconds(value: object) -> int:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return (moment.astimezone(timezone.utc) - EPOCH) // timedelta(milliseconds=1)


def bound_problem(kind: object, low: object, high: object, real_low: object, real_high: object) -> str | None:
    if kind == "string":
        text_low, text_high = str(real_low), str(real_high)
        if low is not None and (utf8(str(low)) > utf8(text_low) or not text_low.startswith(str(low))):
            return f"minimum {low!r} for {text_low[:40]!r}"
        if low is not None and len(utf16(str(low))) > STRING_PREFIX * 2:
            return f"minimum of {len(str(low))} characters"
        return f"maximum {high!r} for {text_high[:40]!r}" if high is not None and utf8(str(high)) < utf8(text_high) else None
    if kind == "timestamp":
        low, high, real_low, real_high = (None if value is None else milliseconds(value) for value in (low, high, real_low, real_high))
    elif kind == "date":
        real_low, real_high = str(real_low), str(real_high)
    elif kind == "double":
        low, high = (None if value is None else float(str(value)) for value in (low, high))
    elif kind in ("long", "integer"):
        low, high = (None if value is None else int(value) if value == int(value) else value for value in (low, high))  # type: ignore[call-overload]
    return None if (low, high) == (real_low, real_high) else f"[{low}, {high}] for [{real_low}, {real_high}]"


def utf8(text: str) -> bytes:
    return text.encode()


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


def check_file(file, size: int, add: dict, schema: dict, partition_columns: list[str]) -> list[str]:
    """Problems of one data file; empty when all is right."""
    problems = [] if add["size"] == size else [f"size {add['size']}, really {size}"]
    parquet_file = parquet.ParquetFile(file)
    file_schema = parquet_file.schema_arrow
    names = set(file_schema.names)
    rows = []
    for batch in parquet_file.iter_batches():
        rows += batch.to_pylist()
    ids = {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in file_schema if field.metadata and b"PARQUET:field_id" in field.metadata}
    for field in schema["fields"]:
        if field["name"] in names and ids.get(field["name"]) != field["metadata"].get("millrace.fieldId"):
            problems.append(f"{field['name']}: Parquet field id {ids.get(field['name'])}, Delta {field['metadata'].get('millrace.fieldId')}")
    stats = json.loads(add["stats"], parse_float=Decimal)
    if stats["numRecords"] != len(rows):
        problems.append(f"numRecords {stats['numRecords']}, really {len(rows)}")
    with_bounds = 0
    for path, kind in leaves(schema["fields"]):
        if path[0] in partition_columns:
            problems += partition_problems(path[0], kind, add, rows)
            continue
        values = [value_at(row, path) for row in rows]
        present = [value for value in values if value is not None]
        nulls = stat_at(stats.get("nullCount", {}), path)
        low, high = stat_at(stats.get("minValues", {}), path), stat_at(stats.get("maxValues", {}), path)
        if nulls is None and low is None and high is None:
            continue  # only the first 32 leaves must have statistics
        with_bounds += 1
        if nulls != len(values) - len(present):
            problems.append(f"{'.'.join(path)}: nullCount {nulls}, really {len(values) - len(present)}")
        if isinstance(kind, dict) or kind == "boolean" or not present:
            if low is not None or high is not None:
                problems.append(f"{'.'.join(path)}: bounds where there must be none")
            continue
        if low is None and high is None:
            problems.append(f"{'.'.join(path)}: no bounds")
            continue
        found = bound_problem(kind, low, high, min(present, key=order(kind)), max(present, key=order(kind)))  # type: ignore[type-var]
        if found:
            problems.append(f"{'.'.join(path)}: {found}")
    wanted = min(32, sum(1 for path, _ in leaves(schema["fields"]) if path[0] not in partition_columns and path[0] in names))
    if rows and with_bounds < wanted:
        problems.append(f"statistics of {with_bounds} columns, {wanted} wanted")
    return problems


def order(kind: object):
    return (lambda text: text.encode()) if kind == "string" else (lambda value: value)


def partition_problems(name: str, kind: object, add: dict, rows: list[dict]) -> list[str]:
    """The one value of a partition column agrees with the rows, where the file has the column."""
    text = add["partitionValues"].get(name)
    for row in rows:
        if name not in row:
            return []
        value = row[name]
        real = None if value is None or value == "" else ("true" if value else "false") if isinstance(value, bool) else str(value)
        same = text == real or (text is not None and real is not None and (kind == "double" and float(text) == value or kind == "timestamp" and milliseconds(text) == milliseconds(value)))
        if not same:
            return [f"partition column {name}: {value!r} in a file of {text!r}"]
    return []
