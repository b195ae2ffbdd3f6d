"""Every version of a Delta table, as check.py needs it: which files came and went, where the positions stood."""

import json
import urllib.parse
from dataclasses import dataclass, field

from watch_table import LEDGER, POSITION, describe


@dataclass
class Version:
    number: int
    sha256: str
    ledger: int | None
    # by `<topicId>/<partition>`, all of them, also those this version did not move
    positions: dict[str, int]
    added: list[int]
    removed: list[int]


@dataclass
class History:
    versions: list[Version] = field(default_factory=list)
    # (path, `add` action) by number; a path that was added again after it went has a number of its own
    files: list[tuple[str, dict]] = field(default_factory=list)
    live: dict[str, int] = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def schema(self) -> dict | None:
        return json.loads(self.metadata["schemaString"]) if self.metadata else None

    @property
    def positions(self) -> dict[str, int]:
        return self.versions[-1].positions if self.versions else {}


def read_history(store, dataset: str) -> History:
    history = History()
    while True:
        data = store.get(f"{dataset}/_delta_log/{len(history.versions):020d}.json")
        if data is None:
            return history
        take_version(history, data)


def take_version(history: History, data: bytes) -> None:
    number = len(history.versions)
    said = describe(number, data)
    before = history.versions[-1].positions if history.versions else {}
    version = Version(number, said["sha256"], said["ledger"], {**before, **said["positions"]}, [], [])
    seen: set[tuple[str, str]] = set()
    for line in data.decode("utf-8").rstrip("\n").split("\n"):
        ((kind, body),) = json.loads(line).items()
        identity = (kind, str(body.get("appId") or body.get("path") or ""))
        if kind != "commitInfo" and identity in seen:
            history.problems.append(f"version {number}: {identity} twice")
        seen.add(identity)
        if kind == "add":
            take_add(history, version, urllib.parse.unquote(body["path"]), body)
        elif kind == "remove":
            path = urllib.parse.unquote(body["path"])
            if path in history.live:
                version.removed.append(history.live.pop(path))
            else:
                history.problems.append(f"version {number} removes {path}, which is not there")
        elif kind == "metaData":
            history.metadata = body
    for source, position in said["positions"].items():
        if position < before.get(source, 0):
            history.problems.append(f"version {number}: the position of {source} falls from {before[source]} to {position}")
    history.versions.append(version)


def take_add(history: History, version: Version, path: str, body: dict) -> None:
    if path in history.live:
        history.problems.append(f"version {version.number} adds {path}, which is there already")
    stats = json.loads(body["stats"]) if body.get("stats") else {}
    history.live[path] = len(history.files)
    version.added.append(len(history.files))
    # The statistics themselves are statistics_check.py's; kept small, since a long table has many files.
    history.files.append((path, {"size": body["size"], "numRecords": stats.get("numRecords")}))


__all__ = ["LEDGER", "POSITION", "History", "Version", "read_history"]
