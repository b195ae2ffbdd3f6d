"""How the truth lies on disk: per source partition a file of fixed records (identity.RECORD) in offset order, the names of producers, and at the end `truth.json`.

A file may end in a part of a record when its writer was killed; that part is left out.
"""

import json
from pathlib import Path

import numpy

from identity import RECORD

PRODUCERS = "producers.txt"
SUMMARY = "truth.json"


def records_path(folder: Path, topic_id: str, partition: int) -> Path:
    return folder / f"{topic_id.replace(':', '_')}-{partition:05d}.records"


def read_records(path: Path) -> numpy.ndarray:
    """Records of one source partition; offsets rise strictly, or this raises."""
    if not path.exists():
        return numpy.empty(0, RECORD)
    records = numpy.fromfile(path, RECORD, count=path.stat().st_size // RECORD.itemsize)
    if not (numpy.diff(records["offset"]) > 0).all():
        raise ValueError(f"{path}: offsets do not rise")
    return records


def read_producers(folder: Path) -> list[str]:
    path = folder / PRODUCERS
    return path.read_text().split("\n")[:-1] if path.exists() else []


def read_summary(folder: Path) -> dict:
    return json.loads((folder / SUMMARY).read_text())
