"""What a run leaves beside its data: objects nobody names, what the services said of themselves, what they used."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from delta_history import History
from verdicts import Verdicts

SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? ([-+0-9.eEinfNa]+)")
# Which metrics may tell of what: one of them is enough.
TOLD_BY = {
    "quarantined": ("millrace_quarantined_records_total",),
    "dropped": ("millrace_dropped_records_total",),
    "gaps": ("millrace_landed_gap_offsets_total",),
    "landed": ("millrace_landed_records_total",),
    "committed": ("millrace_committed_records_total",),
    # what a person accepted must have been said before, as a suspected loss or as records that kill their readers
    "acceptedLoss": ("millrace_data_loss_suspected", "millrace_alone_deaths_total", "millrace_cluster_changed"),
}
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def count_orphans(raw_store, table_store, topic: str, dataset: str, raw_keys: set[str], history: History) -> dict[str, list[str]]:
    """Objects that no chain entry and no version names, by what they are. What was removed by a version is no orphan."""
    raw = [key for key in raw_store.keys(f"{topic}/") if key.endswith(".jsonl.zst") and key not in raw_keys]
    known = {f"{dataset}/{path}" for path, _ in history.files}
    ledgers = {f"{dataset}/_millrace/ledger/{version.ledger}.json" for version in history.versions}
    data, ledger = [], []
    for key in table_store.keys(f"{dataset}/"):
        inner = key[len(dataset) + 1 :]
        if inner.startswith("_millrace/ledger/") and key not in ledgers:
            ledger.append(key)
        elif inner.endswith(".parquet") and not inner.startswith(("_delta_log/", "_millrace/")) and key not in known:
            data.append(key)
    return {"rawObjects": raw, "dataFiles": data, "ledgers": ledger}


def read_samples(path: Path) -> Iterator[dict]:
    """Lines of a metrics or resources file; a line cut off by a kill is left out."""
    with open(path) as lines:
        for line in lines:
            if line.endswith("\n"):
                yield json.loads(line)


def metrics_of(sample: dict) -> Iterable[tuple[str, dict[str, str], float]]:
    """(name, labels, value) of one scrape: Prometheus text in `text`, or values by name and labels in `metrics`."""
    given = sample.get("metrics") or {}
    lines = sample["text"].split("\n") if "text" in sample else [f"{name} {value}" for name, value in given.items()]
    for line in lines:
        found = SAMPLE.match(line)
        if found:
            yield found[1], dict(LABEL.findall(found[2] or "")), float(found[3])


def check_metrics(path: Path, dataset: str, topic: str, terminal: dict[str, int], verdicts: Verdicts) -> dict:
    """`terminal`: what the run ended with. Each kind that happened must have been told by its metric, and the law must never have differed."""
    highest: dict[str, float] = {}
    scrapes = 0
    for sample in read_samples(path):
        scrapes += 1
        for name, labels, value in metrics_of(sample):
            if labels.get("dataset", dataset) != dataset or labels.get("topic", topic) != topic:
                continue
            highest[name] = max(highest.get(name, 0.0), value)
            if name == "millrace_reconciliation_difference" and value != 0:
                verdicts.add("metrics", f"millrace_reconciliation_difference was {value:g}", at=sample.get("t", sample.get("atMs")), service=sample.get("service"), labels=labels)
    for kind, names in TOLD_BY.items():
        if terminal.get(kind, 0) > 0 and all(highest.get(name, 0.0) <= 0 for name in names):
            verdicts.add("metrics", f"{terminal[kind]} {kind}, and {' or '.join(names)} never told of it", terminal=kind)
    return {"scrapes": scrapes, **{name: highest.get(name) for names in TOLD_BY.values() for name in names}}


def check_resources(path: Path, rss_max: int | None, files_max: int | None, verdicts: Verdicts) -> dict:
    """Highest memory and descriptors by service; `rss_max` in bytes."""
    peaks: dict[str, dict[str, int]] = {}
    for sample in read_samples(path):
        peak = peaks.setdefault(sample["service"], {"rssBytes": 0, "openFiles": 0})
        peak["rssBytes"] = max(peak["rssBytes"], sample["rssBytes"])
        peak["openFiles"] = max(peak["openFiles"], sample.get("openFiles", sample.get("fds", 0)))
    for service, peak in peaks.items():
        if rss_max is not None and peak["rssBytes"] > rss_max:
            verdicts.add("resources", f"{peak['rssBytes']} bytes resident, the bound is {rss_max}", service=service)
        if files_max is not None and peak["openFiles"] > files_max:
            verdicts.add("resources", f"{peak['openFiles']} open files, the bound is {files_max}", service=service)
    return peaks
