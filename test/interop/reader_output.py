"""What every reader of a table prints, so that they can be compared: a JSON summary on stdout, and one line `topicId partition offset rowHash` (tabs) per row in a file.

The hash is of the canonical row (test/checker/mapping.py). Types are Delta's words, so that schemas of different engines can be compared as text.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "checker"))
from mapping import canonical, row_hash  # noqa: E402


def type_text(kind: object) -> str:
    """One line for a type in Delta's JSON form."""
    if isinstance(kind, dict) and kind["type"] == "struct":
        return "struct<" + ",".join(f"{json.dumps(field['name'])}:{type_text(field['type'])}" for field in kind["fields"]) + ">"
    if isinstance(kind, dict):
        return f"array<{type_text(kind['elementType'])}>"
    return str(kind)


def arrow_schema(schema) -> dict:
    """A pyarrow schema in Delta's JSON form."""
    return {"type": "struct", "fields": [{"name": field.name, "type": arrow_type(field.type)} for field in schema]}


def arrow_type(kind) -> object:
    import pyarrow.types as types

    if types.is_struct(kind):
        return {"type": "struct", "fields": [{"name": field.name, "type": arrow_type(field.type)} for field in kind]}
    if types.is_list(kind) or types.is_large_list(kind) or types.is_list_view(kind) or types.is_large_list_view(kind):
        return {"type": "array", "elementType": arrow_type(kind.value_type)}
    if types.is_timestamp(kind):
        return "timestamp" if kind.tz else "timestamp_ntz"
    words = {"int64": "long", "int32": "integer", "double": "double", "bool": "boolean", "date32[day]": "date"}
    text = str(kind)
    return "string" if text in ("string", "large_string", "string_view") else words.get(text, f"arrow {text}")


def arrow_rows(batches: Iterable, schema: dict) -> Iterator[dict]:
    """Canonical rows of record batches. Timestamps travel as microseconds."""
    import pyarrow

    for batch in batches:
        columns = []
        for column in batch.columns:
            if pyarrow.types.is_timestamp(column.type):
                column = column.cast(pyarrow.timestamp("us", tz="UTC")).cast(pyarrow.int64())
            columns.append(column)
        for row in pyarrow.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist():
            yield canonical_row(row, schema)


def canonical_row(row: dict, schema: dict) -> dict:
    return {field["name"]: canonical(row[field["name"]], field["type"]) for field in schema["fields"]}


def write(engine: str, version: str, schema: dict, rows: Iterable[dict], out: str) -> None:
    """Writes the lines and prints the summary."""
    count = 0
    seen: set[tuple] = set()
    twice: list[tuple] = []
    with open(out, "w", encoding="utf-8") as lines:
        for row in rows:
            identity = (row["_source_topic_id"], row["_source_partition"], row["_source_offset"])
            if identity in seen:
                twice.append(identity)
            seen.add(identity)
            lines.write("\t".join([*map(str, identity), row_hash(row)]) + "\n")
            count += 1
    columns = [[field["name"], type_text(field["type"])] for field in schema["fields"]]
    print(json.dumps({"engine": engine, "version": version, "columns": columns, "count": count, "twice": twice[:5], "twiceCount": len(twice)}))
