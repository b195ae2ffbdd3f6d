"""The state of a Delta table from its JSON commits alone: what the comparison takes as given (names and types of columns), and what it checks."""

import json
import urllib.parse
from dataclasses import dataclass, field


@dataclass
class Table:
    version: int = -1
    metadata: dict = field(default_factory=dict)
    protocol: dict = field(default_factory=dict)
    files: dict[str, dict] = field(default_factory=dict)
    txns: dict[str, int] = field(default_factory=dict)

    @property
    def schema(self) -> dict:
        return json.loads(self.metadata["schemaString"])

    @property
    def partition_columns(self) -> list[str]:
        return self.metadata["partitionColumns"]


def read_table(store, name: str) -> Table:
    """Replays `<name>/_delta_log/*.json` from version 0. Raises when a version is missing or an action breaks the rules."""
    table = Table()
    while True:
        data = store.get(f"{name}/_delta_log/{table.version + 1:020d}.json")
        if data is None:
            return table
        table.version += 1
        seen: set[tuple[str, str]] = set()
        for line in data.decode("utf-8").rstrip("\n").split("\n"):
            action = json.loads(line)
            ((kind, body),) = action.items()
            identity = (kind, str(body.get("appId") or body.get("path") or ""))
            if kind != "commitInfo" and identity in seen:
                raise ValueError(f"version {table.version}: {identity} twice")
            seen.add(identity)
            if kind == "add":
                table.files[urllib.parse.unquote(body["path"])] = body
            elif kind == "remove":
                table.files.pop(urllib.parse.unquote(body["path"]), None)
            elif kind == "txn":
                table.txns[body["appId"]] = body["version"]
            elif kind == "metaData":
                table.metadata = body
            elif kind == "protocol":
                table.protocol = body


def read_ledger(store, name: str, table: Table) -> dict:
    """The ledger object that the table names."""
    data = store.get(f"{name}/_millrace/ledger/{table.txns['millrace/ledger']}.json")
    if data is None:
        raise ValueError("the ledger's head is missing")
    return json.loads(data)
