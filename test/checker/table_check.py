"""One source partition of the table: its rows against what raw says they must be, and every version against the positions it names.

A snapshot is a prefix of the partition when each row came in exactly the version whose position passed it. A version that takes files away must put their rows back in the same commit.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy

from expected_rows import NO_COLUMN, QUARANTINED, ROW
from partition_check import inside, work_file
from table_files import rows_of
from verdicts import Verdicts


@dataclass
class TableJob:
    topic_id: str
    partition: int
    source: int
    work: Path
    shares: list[Path]
    # where the table begins, and its position after each version
    start: int
    positions: list[int]
    # by file: the version that added it; whether it is in the last version
    added_in: list[int]
    live: list[bool]
    # versions that removed files: (version, files added, files removed)
    rewrites: list[tuple[int, list[int], list[int]]]
    set_aside: list[int]
    unread: list[tuple[int, int]]


def check_table(job: TableJob) -> tuple[Verdicts, dict]:
    verdicts = Verdicts()
    where = {"where": "table", "topicId": job.topic_id, "partition": job.partition}
    rows = rows_of(job.shares, job.source)
    live = rows[numpy.array(job.live, bool)[rows["file"]]] if len(rows) else rows
    expected = numpy.load(work_file(job.work, "expected", job.topic_id, job.partition))
    live = numpy.sort(live, order="offset")
    again = numpy.zeros(len(live), bool)
    again[1:] = live["offset"][1:] == live["offset"][:-1]
    verdicts.add_offsets("duplicate", "more than one row", numpy.unique(live["offset"][again])[:1000], int(again.sum()), **where)
    once = live[~again]
    # Raw that landed a record twice is raw's fault: here each offset counts once.
    _, first = numpy.unique(expected["offset"], return_index=True)
    expected = expected[first]

    place = numpy.searchsorted(expected["offset"], once["offset"])
    known = place < len(expected)
    known[known] = expected["offset"][place[known]] == once["offset"][known]
    fate = numpy.full(len(once), 255, numpy.uint8)
    fate[known] = expected["fate"][place[known]]
    right = fate == ROW
    differs = numpy.zeros(len(once), bool)
    differs[right] = expected["hash"][place[right]] != once["hash"][right]
    verdicts.add_offsets("altered", "values are not what docs/formats/table.md makes of the raw value", once["offset"][differs][:1000], int(differs.sum()), **where)
    odd = known & ~right
    verdicts.add_offsets("phantom", "a row of a record that must be quarantined, dropped or blocked", once["offset"][odd][:1000], int(odd.sum()), **where)
    strangers = once[~known]

    rows_wanted = expected["offset"][expected["fate"] == ROW]
    missing = rows_wanted[~numpy.isin(rows_wanted, once["offset"], assume_unique=True)]
    aside = numpy.array(sorted(job.set_aside), numpy.int64)
    wrongly = numpy.isin(missing, aside)
    verdicts.add_offsets("quarantine", "set aside, but it can be a row", missing[wrongly][:1000], int(wrongly.sum()), **where)
    verdicts.add_offsets("lost", "no row", missing[~wrongly][:1000], int((~wrongly).sum()), **where)
    both = numpy.intersect1d(aside, once["offset"])
    verdicts.add_offsets("quarantine", "set aside, and a row as well", both[:1000], len(both), **where)
    nothing = aside[~numpy.isin(aside, expected["offset"]) & ~inside(aside, job.unread)]
    verdicts.add_offsets("quarantine", "a pointer to no record", nothing[:1000], len(nothing), **where)
    no_column = expected["offset"][expected["fate"] == NO_COLUMN]
    no_column = no_column[~numpy.isin(no_column, aside)]
    verdicts.add_offsets("lost", "holds something that has no column", no_column[:1000], len(no_column), **where)
    wanted_aside = expected["offset"][expected["fate"] == QUARANTINED]
    silent = wanted_aside[~numpy.isin(wanted_aside, aside)]
    verdicts.add_offsets("quarantine", "cannot be a row and no pointer names it", silent[:1000], len(silent), **where)
    check_snapshots(job, rows, verdicts, where)
    figures = {"rows": len(once), "expectedRows": len(rows_wanted), "strangers": [(int(row["offset"]), int(row["file"])) for row in strangers[:1000]], "strangerCount": len(strangers)}
    return verdicts, figures


def check_snapshots(job: TableJob, rows: numpy.ndarray, verdicts: Verdicts, where: dict) -> None:
    """Each row in the version whose position passed it."""
    positions = numpy.array(job.positions, numpy.int64)
    if len(rows) == 0 or len(positions) == 0:
        return
    came = numpy.array(job.added_in, numpy.int64)[rows["file"]]
    wanted = numpy.searchsorted(positions, rows["offset"], "right")
    rewritten = {file for _, added, _ in job.rewrites for file in added}
    plain = ~numpy.isin(rows["file"], list(rewritten)) if rewritten else numpy.ones(len(rows), bool)
    wrong = plain & (came != wanted)
    if wrong.any():
        first = rows[wrong][0]
        version = int(came[wrong][0])
        verdicts.add("snapshot", f"version {version} has a row at {int(first['offset'])}, its position is {int(positions[version])}, before it {int(positions[version - 1]) if version else job.start}", int(wrong.sum()), version=version, **where)
    for version, added, removed in job.rewrites:
        check_rewrite(version, rows[numpy.isin(rows["file"], added)], rows[numpy.isin(rows["file"], removed)], wanted_of(positions), verdicts, where)


def wanted_of(positions: numpy.ndarray):
    return lambda offsets: numpy.searchsorted(positions, offsets, "right")


def check_rewrite(version: int, added: numpy.ndarray, removed: numpy.ndarray, wanted, verdicts: Verdicts, where: dict) -> None:
    """Rows taken away come back, with the values they had; the others that come are new in this version."""
    old, new = (numpy.sort(part[["offset", "hash"]], order=["offset", "hash"]) for part in (removed, added))
    gone = old["offset"][~numpy.isin(old["offset"], new["offset"])]
    verdicts.add_offsets("snapshot", f"version {version} takes rows away", gone[:1000], len(gone), version=version, **where)
    fresh = new["offset"][~numpy.isin(new["offset"], old["offset"])]
    wrong = fresh[wanted(fresh) != version]
    verdicts.add_offsets("snapshot", f"version {version} has rows that its position did not pass", wrong[:1000], len(wrong), version=version, **where)

