"""Data files of a table as arrays: which source offset each row stands for, and the hash of the row. One call per share of the files, in a process of its own."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy
import pyarrow
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from raw_store import open_store
from row_text import Leaf, hash_rows, leaf_column, leaves_of
from verdicts import Verdicts

# A row as it was found: number of the file, source, offset, hash.
FOUND = numpy.dtype([("file", "<i4"), ("source", "<i4"), ("offset", "<i8"), ("hash", "<u8")])
BATCH_ROWS = 16_384


@dataclass
class Share:
    """The files one worker reads; `files` are (number, path, `add` action), `sources` the (topic id, partition) that rows may name, by number."""

    tables_url: str
    dataset: str
    topic: str
    schema: dict
    files: list[tuple[int, str, dict]]
    sources: list[tuple[str, int]]
    out: Path


def read_share(share: Share) -> tuple[Verdicts, int]:
    """Writes the rows of the files into `out`, returns verdicts and the number of rows."""
    verdicts, count = Verdicts(), 0
    store, leaves = open_store(share.tables_url), leaves_of(share.schema)
    with open(share.out, "wb") as out:
        for number, path, add in share.files:
            data = store.get(f"{share.dataset}/{path}")
            if data is None:
                verdicts.add("file", "a data file is missing", file=path)
                continue
            if len(data) != add["size"]:
                verdicts.add("file", f"{len(data)} bytes, its commit says {add['size']}", file=path)
            try:
                rows = read_file(data, number, path, share, leaves, verdicts)
            except (pyarrow.ArrowException, OSError, KeyError, ValueError) as error:
                verdicts.add("file", f"cannot be read: {type(error).__name__}: {error}", file=path)
                continue
            said = add.get("numRecords")
            if said is not None and said != len(rows):
                verdicts.add("file", f"{len(rows)} rows, its commit says {said}", file=path)
            count += len(rows)
            rows.tofile(out)
    return verdicts, count


def read_file(data: bytes, number: int, path: str, share: Share, leaves: list[Leaf], verdicts: Verdicts) -> numpy.ndarray:
    numbers = {source: place for place, source in enumerate(share.sources)}
    parts = [numpy.empty(0, FOUND)]
    for batch in parquet.ParquetFile(io.BytesIO(data)).iter_batches(BATCH_ROWS, use_threads=False):
        rows = numpy.empty(batch.num_rows, FOUND)
        rows["file"] = number
        rows["offset"] = batch.column("_source_offset").to_numpy(zero_copy_only=False)
        rows["source"] = sources_of(batch, numbers)
        rows["hash"] = hash_rows(leaves, [leaf_column(batch, leaf) for leaf in leaves], batch.num_rows)
        other = compute.sum(compute.not_equal(batch.column("_source_topic"), share.topic)).as_py()
        verdicts.add("altered", "_source_topic is not the topic", other or 0, where="table", file=path)
        strange = int((rows["source"] < 0).sum())
        verdicts.add("phantom", "rows of a source that has no chain", strange, where="table", file=path)
        parts.append(rows[rows["source"] >= 0])
    return numpy.concatenate(parts)


def sources_of(batch: pyarrow.RecordBatch, numbers: dict[tuple[str, int], int]) -> numpy.ndarray:
    """The number of each row's source, -1 for one that is not known."""
    ids = batch.column("_source_topic_id").dictionary_encode()
    partitions = batch.column("_source_partition").to_numpy(zero_copy_only=False)
    found = numpy.full(batch.num_rows, -1, numpy.int32)
    indices = ids.indices.to_numpy(zero_copy_only=False)
    for place, topic_id in enumerate(ids.dictionary.to_pylist()):
        mine = indices == place
        for partition in numpy.unique(partitions[mine]):
            found[mine & (partitions == partition)] = numbers.get((topic_id, int(partition)), -1)
    return found


def rows_of(paths: list[Path], source: int) -> numpy.ndarray:
    """All rows of one source, from what the workers wrote."""
    parts = [numpy.empty(0, FOUND)]
    for path in paths:
        rows = numpy.memmap(path, FOUND, "r") if path.stat().st_size else parts[0]
        parts.append(rows[rows["source"] == source])
    return numpy.concatenate(parts)
