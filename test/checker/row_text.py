"""One hash per row of a table, whole columns at a time: the same for a row read from Parquet and for one computed from a raw value when both hold the same values.

Structs are taken apart into leaves, which makes a null struct and one of nulls alike (docs/formats/table.md section 3). Leaves are joined as text: numbers exactly, doubles by their bits
(the sign of a zero aside), strings with their length, lists as the JSON of mapping.encode. The provenance columns but the timestamp are not in the hash: they are what rows are found by.
"""

from dataclasses import dataclass

import numpy
import pyarrow
import pyarrow.compute as compute
from xxhash import xxh3_64_intdigest as xxh3

from mapping import canonical, encode

FOUND_BY = {"_source_topic", "_source_topic_id", "_source_partition", "_source_offset"}
NULL = "~"
ARROW = {"long": pyarrow.int64(), "integer": pyarrow.int32(), "double": pyarrow.float64(), "string": pyarrow.large_string(), "boolean": pyarrow.bool_()}


@dataclass(frozen=True)
class Leaf:
    path: tuple[str, ...]
    # a word of Delta's schema, or its JSON form of an array
    kind: object
    origin: str
    partition_key: str | None
    as_text: bool

    @property
    def is_list(self) -> bool:
        return isinstance(self.kind, dict)


def leaves_of(schema: dict) -> list[Leaf]:
    """Leaves of all columns that are in the hash, in the schema's order."""
    found: list[Leaf] = []

    def take(fields: list[dict], path: tuple[str, ...], origin: str) -> None:
        for field in fields:
            kind, metadata = field["type"], field["metadata"]
            here = (*path, field["name"])
            own = metadata.get("millrace.origin", "data") if not path else origin
            if isinstance(kind, dict) and kind["type"] == "struct":
                take(kind["fields"], here, own)
            elif here[0] not in FOUND_BY or path:
                found.append(Leaf(here, kind, own, metadata.get("millrace.partitionKey"), bool(metadata.get("millrace.scalarsAsText"))))

    take(schema["fields"], (), "data")
    return found


def texts(leaf: Leaf, column: pyarrow.Array) -> pyarrow.Array:
    """A leaf's values as text, null as `~`."""
    if leaf.kind == "double":
        known = column.is_valid().to_numpy(zero_copy_only=False)
        bits = (column.fill_null(0.0).to_numpy(zero_copy_only=False) + 0.0).view(numpy.int64)
        column = pyarrow.array(bits, mask=~known)
    elif leaf.kind == "timestamp" and not pyarrow.types.is_integer(column.type):
        column = column.cast(pyarrow.timestamp("us", tz="UTC")).cast(pyarrow.int64())
    if leaf.kind == "string" or leaf.is_list:
        text = column.cast(pyarrow.large_string())
        text = compute.binary_join_element_wise(compute.binary_length(text).cast(pyarrow.large_string()), text, pyarrow.scalar(":", pyarrow.large_string()))
    else:
        text = column.cast(pyarrow.large_string())
    return text.fill_null(NULL)


def hash_rows(leaves: list[Leaf], columns: list[pyarrow.Array | None], rows: int) -> numpy.ndarray:
    """One 64-bit hash per row. None stands for a column of nulls; a list's column holds its text already."""
    if rows == 0:
        return numpy.empty(0, numpy.uint64)
    nulls = pyarrow.repeat(pyarrow.scalar(NULL, pyarrow.large_string()), rows)
    parts = [nulls if column is None else texts(leaf, column) for leaf, column in zip(leaves, columns, strict=True)]
    joined = compute.binary_join_element_wise(*parts, pyarrow.scalar("|", pyarrow.large_string())) if len(parts) > 1 else parts[0]
    return numpy.fromiter(map(xxh3, joined.cast(pyarrow.large_binary()).to_pylist()), numpy.uint64, rows)


def leaf_column(batch: pyarrow.RecordBatch, leaf: Leaf) -> pyarrow.Array | None:
    """A leaf of rows that were read from Parquet; None where the file is older than the column."""
    if leaf.path[0] not in batch.schema.names:
        return None
    column = batch.column(leaf.path[0])
    for name in leaf.path[1:]:
        place = column.type.get_field_index(name)
        if place < 0:
            return None
        # flatten, other than field, carries the nulls of the struct over to its members
        column = column.flatten()[place]
    if leaf.is_list:
        values = (canonical(value, leaf.kind) for value in column.to_pylist())
        return pyarrow.array([None if value is None else encode(value) for value in values], pyarrow.large_string())
    return column
