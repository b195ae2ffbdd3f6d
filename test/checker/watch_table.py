#!/usr/bin/env python3
"""A reader of the table that looks ten times a second: every snapshot it sees is written down, for check.py to judge.

    watch_table.py --tables-url U --dataset D --out FILE

One GET of the next Delta version per look; 404 is "no news". Per version one JSON line: time, SHA-256 of the commit, positions, ledger head, files added and removed; and `missing`,
the added files that were not there, whole, at that moment. SIGTERM: one last look, then a JSON summary. Started again on the same file it goes on after the last version in it.
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import time
import urllib.parse

from raw_store import open_store

LOOK_SECONDS = 0.1
RETRY_SECONDS = 0.5
POSITION = "millrace/"
LEDGER = "millrace/ledger"


def describe(version: int, data: bytes) -> dict:
    """What one commit says. Raises ValueError for a commit that is not lines of JSON actions."""
    seen: dict = {"version": version, "sha256": hashlib.sha256(data).hexdigest(), "positions": {}, "ledger": None, "add": [], "remove": []}
    for line in data.decode("utf-8").rstrip("\n").split("\n"):
        ((kind, body),) = json.loads(line).items()
        if kind == "txn" and body["appId"] == LEDGER:
            seen["ledger"] = body["version"]
        elif kind == "txn" and body["appId"].startswith(POSITION):
            seen["positions"][body["appId"][len(POSITION) :]] = body["version"]
        elif kind == "add":
            seen["add"].append([urllib.parse.unquote(body["path"]), body["size"]])
        elif kind == "remove":
            seen["remove"].append(urllib.parse.unquote(body["path"]))
    return seen


class Watch:
    def __init__(self, tables_url: str, dataset: str, out: str):
        self.store, self.dataset = open_store(tables_url), dataset
        self.next = 0
        if os.path.exists(out):
            with open(out) as lines:
                self.next = max((json.loads(line)["version"] + 1 for line in lines if line.endswith("\n")), default=0)
        self.out = open(out, "a", buffering=1)
        self.stopping = False
        self.looks = self.errors = self.seen = self.missing = 0

    def stop(self, *_: object) -> None:
        self.stopping = True

    def look(self) -> bool:
        """One GET; True when there was a new version."""
        self.looks += 1
        data = self.store.get(f"{self.dataset}/_delta_log/{self.next:020d}.json")
        if data is None:
            return False
        seen = describe(self.next, data)
        missing = [path for path, size in seen["add"] if self.store.size(f"{self.dataset}/{path}") != size]
        self.out.write(json.dumps({"t": int(time.time() * 1000), **seen, "missing": missing}) + "\n")
        self.next += 1
        self.seen += 1
        self.missing += len(missing)
        return True

    def run(self) -> dict:
        due = time.monotonic()
        while True:
            last = self.stopping
            try:
                while self.look():
                    pass
            except OSError as error:
                self.errors += 1
                print(f"{time.strftime('%H:%M:%S')} watch_table: {error}", file=sys.stderr, flush=True)
                time.sleep(RETRY_SECONDS)
            if last:
                return {"dataset": self.dataset, "versions": self.seen, "next": self.next, "looks": self.looks, "errors": self.errors, "missing": self.missing}
            # From the clock, so that a look's own time does not make looks rarer.
            due = max(due + LOOK_SECONDS, time.monotonic())
            while not self.stopping and time.monotonic() < due:
                time.sleep(min(LOOK_SECONDS, max(0.0, due - time.monotonic())))


def main() -> int:
    arguments = argparse.ArgumentParser()
    for name in ("--tables-url", "--dataset", "--out"):
        arguments.add_argument(name, required=True)
    given = arguments.parse_args()
    watch = Watch(given.tables_url, given.dataset, given.out)
    signal.signal(signal.SIGTERM, watch.stop)
    signal.signal(signal.SIGINT, watch.stop)
    print(json.dumps(watch.run()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
