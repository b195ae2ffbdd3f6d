#!/usr/bin/env python3
"""The verdict on a run: what producers were told, what Kafka holds, what landed, and what the table shows, compared record by record.

    check.py --raw-url U --tables-url U --dataset D --topic T --truth DIR --ledgers DIR --snapshots FILE --out report.json [--expect-records N] [--expect-drained]
             [--metrics FILE] [--resources FILE --rss-max BYTES --files-max N] [--orphans-max N] [--pk a,b] [--workers 2]

Written from docs/formats alone. Exit status 0: nothing wrong and enough compared; 1: see the report. Kinds of verdicts: verdicts.py. The last line of stdout is a JSON summary.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy

from acknowledged import Outcomes, check_acknowledged
from delta_history import History, read_history
from ledger_check import Head, Recount, check_ledgers, check_pointers, read_head
from outside import check_metrics, check_resources, count_orphans
from partition_check import ACCEPTED, FATE, Job, Result, check_partition, work_file
from producer_ledger import read_ledgers
from raw_reader import Corrupt, Newer, chains_of, offset_of
from raw_store import open_store
from strangers import judge_raw, judge_table
from table_check import TableJob, check_table
from table_files import Share, read_share
from truth_files import read_producers, read_summary, records_path
from verdicts import KINDS, Verdicts

Source = tuple[str, int]


@dataclass
class Checked:
    """What is known so far; `check` fills it from top to bottom."""

    given: argparse.Namespace
    work: Path
    verdicts: Verdicts
    history: History
    head: Head
    chains: dict[Source, int]
    truth: dict[Source, dict]


@contextmanager
def pool(workers: int) -> Iterator[Callable]:
    """`map` over processes, or in this one for 0."""
    if workers == 0:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        yield executor.map


def read_chains(given: argparse.Namespace, verdicts: Verdicts) -> dict[Source, int]:
    """Every chain of the topic with its first offset."""
    found: dict[Source, int] = {}
    try:
        for topic_id, (start, partitions) in chains_of(open_store(given.raw_url), given.topic).items():
            for partition in partitions:
                found[(topic_id, partition)] = offset_of(start["partitions"].get(str(partition), "0"), "start offset")
    except (Corrupt, Newer, KeyError) as error:
        verdicts.add("chain", str(error))
    return found


def table_ranges(checked: Checked) -> dict[Source, tuple[int, int]]:
    """Half-open range of offsets that the table accounts for, by source: from its ledger, up to the `txn` that rows came with."""
    ranges = {}
    for (topic_id, partition), part in checked.head.partitions.items():
        ranges[(topic_id, partition)] = (int(part["startOffset"]), checked.history.positions.get(f"{topic_id}/{partition}", int(part["startOffset"])))
    return ranges


def partition_jobs(checked: Checked) -> list[Job]:
    given, ranges = checked.given, table_ranges(checked)
    producers = read_producers(Path(given.truth))
    jobs = []
    for source in sorted({*checked.chains, *checked.truth}):
        topic_id, partition = source
        truth = checked.truth.get(source)
        span = (truth["startOffset"], truth["endOffset"]) if truth else None
        metadata = checked.history.metadata
        path = records_path(Path(given.truth), topic_id, partition)
        # A chain that is not there is one without entries: all that Kafka has is not landed.
        start = checked.chains.get(source, span[0] if span else 0)
        jobs.append(Job(given.raw_url, given.topic, topic_id, partition, start, span, ranges.get(source), checked.history.schema, metadata.get("partitionColumns", []), given.pk_fields, producers, path, checked.work))
    # The longest first, so that the last one to end is a short one.
    return sorted(jobs, key=lambda job: -(job.truth[1] - job.truth[0]) if job.truth else 0)


def table_shares(checked: Checked, sources: list[Source], workers: int) -> list[Share]:
    """All data files of all versions, dealt out by size."""
    given, history = checked.given, checked.history
    if history.schema is None:
        return []
    count = max(1, workers) * 2
    dealt: list[list] = [[] for _ in range(count)]
    for place, (number, (path, add)) in enumerate(sorted(enumerate(history.files), key=lambda each: -each[1][1]["size"])):
        dealt[place % count].append((number, path, add))
    return [Share(given.tables_url, given.dataset, given.topic, history.schema, files, sources, checked.work / f"rows-{number}.bin") for number, files in enumerate(dealt)]


def table_jobs(checked: Checked, results: list[Result], sources: list[Source], shares: list[Share]) -> list[TableJob]:
    history = checked.history
    added_in = [0] * len(history.files)
    for version in history.versions:
        for number in version.added:
            added_in[number] = version.number
    live_now = set(history.live.values())
    live = [number in live_now for number in range(len(history.files))]
    rewrites = [(version.number, version.added, version.removed) for version in history.versions if version.removed]
    jobs = []
    for result in results:
        source = result.source
        start = table_ranges(checked).get(source, (0, 0))[0]
        name = f"{source[0]}/{source[1]}"
        positions = [version.positions.get(name, start) for version in history.versions]
        aside = sorted(checked.head.pointers.get(source, {}))
        jobs.append(TableJob(*source, sources.index(source), checked.work, [share.out for share in shares], start, positions, added_in, live, rewrites, aside, result.walk.unread))
    return jobs


def check_seen(checked: Checked) -> int:
    """Snapshots seen during the run are the versions of the table as it is now. Returns how many were seen."""
    path = Path(checked.given.snapshots)
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    for line in lines:
        seen = json.loads(line)
        number = seen["version"]
        if number >= len(checked.history.versions) or checked.history.versions[number].sha256 != seen["sha256"]:
            checked.verdicts.add("snapshot", f"version {number} was seen during the run with other bytes than it has now", version=number)
        if seen.get("missing"):
            checked.verdicts.add("snapshot", f"version {number} named files that were not there", len(seen["missing"]), version=number, files=seen["missing"][:3])
    return len(lines)


def check_pending(checked: Checked, results: list[Result]) -> dict[Source, int]:
    """Offsets landed and not in the table, by source; what Kafka has and nobody landed counts too."""
    pending = {}
    ranges = table_ranges(checked)
    for result in results:
        chain = result.walk
        position = ranges.get(result.source, (chain.start, chain.start))[1]
        waiting = max(0, chain.end - position)
        pending[result.source] = waiting
        if checked.given.expect_drained:
            where = {"topicId": chain.topic_id, "partition": chain.partition}
            checked.verdicts.add("pending", f"landed up to {chain.end}, the table is at {position}", waiting, **where)
            checked.verdicts.add("pending", f"Kafka has records behind {chain.end} that did not land", result.figures["notLanded"], **where)
    return pending


def set_up(given: argparse.Namespace, work: Path) -> Checked:
    verdicts = Verdicts()
    tables = open_store(given.tables_url)
    history = read_history(tables, given.dataset)
    for problem in history.problems:
        verdicts.add("file", problem)
    summary = read_summary(Path(given.truth))
    if not summary["complete"]:
        verdicts.add("truth", "it was not read to the last stable offsets")
    verdicts.add("truth", "records whose header does not have their value's hash", summary["hashMismatches"])
    head = read_head(tables, given.dataset, history, verdicts)
    truth = {(part["topicId"], part["partition"]): part for part in summary["partitions"]}
    if given.pk_fields is None:
        given.pk_fields = head.dataset.get("pkFields") or []
    return Checked(given, work, verdicts, history, head, read_chains(given, verdicts), truth)


def check(given: argparse.Namespace, work: Path) -> dict:
    """All verdicts. `work` is an empty folder for arrays."""
    times = {"start": time.monotonic()}
    checked = set_up(given, work)
    verdicts, tables = checked.verdicts, open_store(given.tables_url)
    with pool(given.workers) as each:
        jobs = partition_jobs(checked)
        results: list[Result] = gather(each(check_partition, jobs), verdicts)
        times["raw"] = time.monotonic()
        sources = [result.source for result in results]
        shares = table_shares(checked, sources, given.workers)
        rows = sum(count for found, count in each(read_share, shares) if verdicts.merge(found) is None)
        times["files"] = time.monotonic()
        table_figures = {}
        for job, (found, figures) in zip(jobs_of := table_jobs(checked, results, sources, shares), each(check_table, jobs_of), strict=True):
            verdicts.merge(found)
            table_figures[(job.topic_id, job.partition)] = figures
        times["table"] = time.monotonic()

    fates = [numpy.load(work_file(work, "fates", *source)) for source in sources]
    # Numbers of names beyond the truth's own are a worker's; only names of the truth are in the fates.
    ledgers = read_ledgers(Path(given.ledgers))
    told = check_acknowledged(ledgers, read_producers(Path(given.truth)), numpy.concatenate([numpy.empty(0, FATE), *fates]), given.expect_drained, verdicts)
    outcomes = Outcomes({ledger.producer: ledger for ledger in ledgers})
    for result in results:
        judge_raw(result, outcomes, verdicts)
        judge_table(table_figures[result.source], result, tables, given.dataset, checked.history, outcomes, verdicts)
    recounts = {}
    for result in results:
        aside = numpy.array(sorted(checked.head.pointers.get(result.source, {})), numpy.int64)
        recounts[result.source] = Recount(result, numpy.load(work_file(work, "expected", *result.source)), aside)
    ledger_count = check_ledgers(tables, given.dataset, checked.history, recounts, verdicts)
    check_pointers(checked.head, results, verdicts)
    seen = check_seen(checked)
    pending = check_pending(checked, results)
    orphans = count_orphans(open_store(given.raw_url), tables, given.topic, given.dataset, set().union(*(result.walk.keys for result in results)), checked.history)
    orphan_count = sum(map(len, orphans.values()))
    if given.orphans_max is not None and orphan_count > given.orphans_max:
        verdicts.add("orphans", f"{orphan_count} objects that nothing names, the bound is {given.orphans_max}", orphan_count - given.orphans_max, keys=[key for keys in orphans.values() for key in keys][:5])
    compared = sum(min(result.figures["compared"], len(fate)) for result, fate in zip(results, fates, strict=True))
    if compared < given.expect_records:
        verdicts.add("too_few", f"{compared} records compared, {given.expect_records} expected", given.expect_records - compared)
    sides = outside_report(checked, results, verdicts)
    times["end"] = time.monotonic()
    return {
        "clean": not verdicts.found,
        "recordsCompared": compared,
        "rowsCompared": rows,
        "verdicts": {kind: verdicts.found.get(kind, {"count": 0, "examples": []}) for kind in KINDS},
        "acceptedLoss": sum(result.figures["acceptedLoss"] for result in results),
        "producers": {"ledgers": len(ledgers), **told},
        "tableVersions": len(checked.history.versions),
        "snapshotsSeen": seen,
        "ledgersRead": ledger_count,
        "orphans": {name: len(keys) for name, keys in orphans.items()},
        **sides,
        "partitions": [describe(result, table_figures[result.source], pending[result.source], checked) for result in sorted(results, key=lambda result: result.source)],
        "seconds": {name: round(times[name] - times[before], 2) for before, name in zip(list(times), list(times)[1:], strict=False)},
    }


def gather(found: Iterable[Result], verdicts: Verdicts) -> list[Result]:
    results = []
    for result in found:
        verdicts.merge(result.verdicts)
        results.append(result)
    return results


def outside_report(checked: Checked, results: list[Result], verdicts: Verdicts) -> dict:
    given = checked.given
    found: dict = {}
    if given.metrics:
        parts = checked.head.partitions.values()
        terminal = {name: sum(int(count) for part in parts for count in part[name].values()) for name in ("quarantined", "dropped")}
        terminal |= {"committed": sum(int(part["committed"]) for part in parts), "landed": sum(result.walk.records for result in results), "gaps": sum(high - low for result in results for low, high, _ in result.walk.gaps)}
        terminal["acceptedLoss"] = sum(high - low for result in results for low, high, cause in result.walk.gaps if cause in ACCEPTED)
        found["metrics"] = check_metrics(Path(given.metrics), given.dataset, given.topic, terminal, verdicts)
    if given.resources:
        found["resources"] = check_resources(Path(given.resources), given.rss_max, given.files_max, verdicts)
    return found


def describe(result: Result, table: dict, pending: int, checked: Checked) -> dict:
    chain = result.walk
    gaps: dict[str, int] = {}
    for low, high, cause in chain.gaps:
        gaps[cause] = gaps.get(cause, 0) + high - low
    figures = {name: count for name, count in result.figures.items() if name != "slow"}
    return {
        **{"topicId": chain.topic_id, "partition": chain.partition, "startOffset": chain.start, "endOffset": chain.end},
        **{"entries": chain.entries, "claims": chain.claims, "objects": chain.objects, "gaps": gaps, **figures},
        **{"position": checked.history.positions.get(f"{chain.topic_id}/{chain.partition}"), "pending": pending, "rows": table["rows"]},
        "quarantined": len(checked.head.pointers.get(result.source, {})),
    }


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--raw-url", "--tables-url", "--dataset", "--topic", "--truth", "--ledgers", "--snapshots", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--expect-records", type=int, default=0)
    parser.add_argument("--expect-drained", action="store_true", help="all that Kafka has must have landed, and all that landed must be in the table")
    parser.add_argument("--pk", dest="pk_fields", type=lambda text: [path for path in text.split(",") if path], help="key fields of the dataset; by default what the table's own copy of its configuration says")
    parser.add_argument("--metrics", help="scrapes of the run, one JSON object a line: {t, service, text} or {atMs, service, metrics}")
    parser.add_argument("--resources", help="samples of the run: {t, service, rssBytes, openFiles or fds}")
    parser.add_argument("--rss-max", type=int, help="bytes")
    parser.add_argument("--files-max", type=int, help="open descriptors")
    parser.add_argument("--orphans-max", type=int)
    parser.add_argument("--workers", type=int, default=2, help="processes; 0: none but this one")
    parser.add_argument("--work", help="folder for arrays (about 100 bytes a record); a temporary one by default")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    given = parse(arguments)
    work = Path(tempfile.mkdtemp(prefix="millrace-check-", dir=given.work))
    started = time.monotonic()
    try:
        report = check(given, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    Path(given.out).write_text(json.dumps(report, indent=1) + "\n")
    counts = {kind: found["count"] for kind, found in report["verdicts"].items() if found["count"]}
    for kind, count in counts.items():
        print(f"{kind}: {count}, e.g. {json.dumps(report['verdicts'][kind]['examples'][0])}", file=sys.stderr)
    print(json.dumps({"clean": report["clean"], "recordsCompared": report["recordsCompared"], "verdicts": counts, "acceptedLoss": report["acceptedLoss"], "seconds": round(time.monotonic() - started, 1)}))
    return 0 if report["clean"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
