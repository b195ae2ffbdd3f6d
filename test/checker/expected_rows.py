"""What the table must hold for each raw record, by docs/formats/table.md: a row (as its hash), quarantined or dropped.

mapping.py is the rule, record by record. Records of a shape seen before, made of scalars and objects that fit their columns as they are, take a short way by columns; whatever is odd about a
record (another type, a list, a number out of range, a key that is missing) goes the rule's own way.
"""

from collections.abc import Sequence
from datetime import datetime, timezone
from json import JSONDecoder
from math import isfinite

import numpy
import pyarrow

from mapping import MEMBERS_MAX, NESTING_MAX, DataError, Mapping, Mismatch, encode, members_of, refuse_constant, unescape_name, well_formed
from row_text import ARROW, Leaf, hash_rows, leaves_of

ROW, QUARANTINED, DROPPED, NO_COLUMN = 0, 1, 2, 3
EXPECTED = numpy.dtype([("offset", "<i8"), ("hash", "<u8"), ("fate", "u1")])
ROWS_MAX = 20_000
BYTES_MAX = 64 * 2**20
SHAPES_MAX = 20_000
OPEN, CLOSE = object(), object()
FITS = {str: "string", int: "long", float: "double", bool: "boolean"}
decode = JSONDecoder(parse_constant=refuse_constant, strict=True).decode


def flatten(value: dict, shape: list, scalars: list) -> None:
    """Names and types of an object into `shape`, what is no object into `scalars`."""
    for name, member in value.items():
        kind = type(member)
        if kind is dict:
            shape += (name, OPEN)
            flatten(member, shape, scalars)
            shape.append(CLOSE)
        else:
            shape += (name, kind)
            scalars.append(member)


class Plan:
    """Where the scalars of one shape go; `None` in `places` is a null. Built only for shapes that may take the short way."""

    def __init__(self, places: list):
        self.places = places
        self.offsets: list[int] = []
        self.timestamps: list[int | None] = []
        self.rows: list[list] = []
        self.values: list[bytes] = []


class ExpectedRows:
    """Collects records with `add`; `take` gives what is known of them, in no order."""

    def __init__(self, mapping: Mapping, topic: str, topic_id: str, partition: int):
        self.mapping, self.topic, self.topic_id, self.partition = mapping, topic, topic_id, partition
        self.leaves = leaves_of(mapping.schema)
        self.top = [field for field in mapping.schema["fields"] if field["metadata"].get("millrace.origin", "data") == "data"]
        self.plans: dict[tuple, Plan | None] = {}
        self.slow: list[tuple[int, dict]] = []
        self.done: list[numpy.ndarray] = []
        self.waiting = self.waiting_bytes = self.slow_count = 0
        self.reasons: dict[str, int] = {}

    def add(self, offset: int, timestamp: int | None, value: bytes | None) -> int:
        """Returns ROW, QUARANTINED, DROPPED or NO_COLUMN; a ROW may still turn out to be QUARANTINED in `take`."""
        if value is None:
            self.settle([offset], DROPPED)
            return DROPPED
        plan = self.plan_of(value)
        if plan is None:
            return self.go_slow(offset, timestamp, value)
        plan[0].offsets.append(offset)
        plan[0].timestamps.append(timestamp)
        plan[0].rows.append(plan[1])
        plan[0].values.append(value)
        self.grow(len(value))
        return ROW

    def grow(self, size: int) -> None:
        self.waiting += 1
        self.waiting_bytes += size
        if self.waiting >= ROWS_MAX or self.waiting_bytes >= BYTES_MAX:
            self.flush()

    def plan_of(self, value: bytes) -> tuple[Plan, list] | None:
        try:
            record = decode(value.decode("utf-8", "strict"))
        except (ValueError, RecursionError):
            return None
        if type(record) is not dict:
            return None
        shape: list = []
        scalars: list = []
        try:
            flatten(record, shape, scalars)
        except RecursionError:
            return None
        identity = tuple(shape)
        if identity not in self.plans:
            if len(self.plans) >= SHAPES_MAX:
                self.flush()
                self.plans.clear()
            self.plans[identity] = self.make_plan(identity)
        plan = self.plans[identity]
        return None if plan is None else (plan, scalars)

    def make_plan(self, shape: tuple) -> Plan | None:
        """None when only the rule itself can tell what becomes of such a record."""
        if len(shape) > MEMBERS_MAX:
            return None
        at: dict[tuple[str, ...], tuple[int, type]] = {}
        filled: dict[tuple[str, ...], type] = {}
        names: list[str] = []
        columns: list[str] = []
        fields: list[list[dict] | None] = [self.top]
        position = scalars = 0
        while position < len(shape):
            if shape[position] is CLOSE:
                names.pop(), columns.pop(), fields.pop()
                position += 1
                continue
            name, kind = shape[position], shape[position + 1]
            position += 2
            members = fields[-1]
            field = None if members is None else members_of(members).get(name)
            if not well_formed(name) or kind is list:
                return None
            if kind is OPEN:
                if len(names) + 2 > NESTING_MAX or (field is not None and not (isinstance(field["type"], dict) and field["type"]["type"] == "struct")):
                    return None
                names.append(name)
                columns.append(field["name"] if field else name)
                fields.append(field["type"]["fields"] if field else None)
                continue
            place, scalars = scalars, scalars + 1
            if kind is type(None):
                continue
            filled[(*names, name)] = kind
            if field is None:
                return None
            as_text = bool(field["metadata"].get("millrace.scalarsAsText"))
            if FITS.get(kind) != field["type"] or (as_text and kind is not str):
                return None
            at[(*columns, field["name"])] = (place, kind)
        return self.places_of(at, filled)

    def places_of(self, at: dict, filled: dict) -> Plan | None:
        if any(tuple(map(unescape_name, path.split("."))) not in filled for path in self.mapping.pk_fields):
            return None
        places: list = []
        for leaf in self.leaves:
            if leaf.path == ("_source_timestamp",) or leaf.partition_key in ("day(_source_timestamp)", "hour(_source_timestamp)"):
                places.append(leaf.partition_key or "time")
            elif leaf.origin == "derived":
                source = tuple((leaf.partition_key or "").split("."))
                found = at.get(source)
                if found is None or found[1] is not str:
                    return None
                places.append(found[0])
            else:
                places.append(at[leaf.path][0] if leaf.path in at else None)
        return Plan(places)

    def go_slow(self, offset: int, timestamp: int | None, value: bytes) -> int:
        self.slow_count += 1
        try:
            row = self.mapping.row(self.topic, self.topic_id, self.partition, offset, timestamp, value)
        except (DataError, Mismatch) as error:
            reason = str(error) if isinstance(error, DataError) else "type_mismatch"
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
            self.settle([offset], QUARANTINED)
            return QUARANTINED
        except LookupError:
            self.settle([offset], NO_COLUMN)
            return NO_COLUMN
        self.slow.append((offset, row))
        self.grow(len(value))
        return ROW

    def settle(self, offsets: Sequence[int], fate: int, hashes: numpy.ndarray | int = 0) -> None:
        done = numpy.empty(len(offsets), EXPECTED)
        done["offset"], done["hash"], done["fate"] = offsets, hashes, fate
        self.done.append(done)

    def flush(self) -> None:
        for plan in self.plans.values():
            if plan is not None and plan.rows:
                self.flush_plan(plan)
        if self.slow:
            columns = [slow_column(leaf, [row for _, row in self.slow]) for leaf in self.leaves]
            self.settle([offset for offset, _ in self.slow], ROW, hash_rows(self.leaves, columns, len(self.slow)))
            self.slow = []
        self.waiting = self.waiting_bytes = 0

    def flush_plan(self, plan: Plan) -> None:
        offsets, timestamps, rows, values = plan.offsets, plan.timestamps, plan.rows, plan.values
        plan.offsets, plan.timestamps, plan.rows, plan.values = [], [], [], []
        try:
            scalars = list(zip(*rows, strict=True))
            columns = [self.column(leaf, place, scalars, timestamps) for leaf, place in zip(self.leaves, plan.places, strict=True)]
        except (OverflowError, UnicodeEncodeError, pyarrow.ArrowException):
            # A number out of range or half of a surrogate pair is among them: each record by the rule.
            for offset, timestamp, value in zip(offsets, timestamps, values, strict=True):
                self.go_slow(offset, timestamp, value)
            return
        self.settle(offsets, ROW, hash_rows(self.leaves, columns, len(offsets)))

    def column(self, leaf: Leaf, place: object, scalars: list[tuple], timestamps: list) -> pyarrow.Array | None:
        if place is None:
            return None
        if place == "time":
            return pyarrow.array([None if time is None else time * 1000 for time in timestamps], pyarrow.int64())
        if isinstance(place, str):
            form = "%Y-%m-%d" if place.startswith("day") else "%Y-%m-%d-%H"
            texts = [None if time is None else datetime.fromtimestamp(time / 1000, timezone.utc).strftime(form) for time in timestamps]
            return pyarrow.array(texts, pyarrow.large_string())
        values: Sequence = scalars[place]  # type: ignore[index]
        if leaf.kind == "double" and not all(map(isfinite, values)):
            raise OverflowError
        if leaf.kind == "string" and leaf.path[0] in self.mapping.partition_columns:
            values = [text or None for text in values]
        return pyarrow.array(values, ARROW[str(leaf.kind)])

    def take(self) -> numpy.ndarray:
        """All records so far, and forgets them."""
        self.flush()
        done, self.done = self.done, []
        return numpy.concatenate(done) if done else numpy.empty(0, EXPECTED)


def slow_column(leaf: Leaf, rows: list[dict]) -> pyarrow.Array:
    values: list = []
    for row in rows:
        found: object = row
        for name in leaf.path:
            found = found.get(name) if isinstance(found, dict) else None
        values.append(encode(found) if leaf.is_list and found is not None else found)
    kind = pyarrow.large_string() if leaf.is_list or leaf.kind == "date" else pyarrow.int64() if leaf.kind == "timestamp" else ARROW[str(leaf.kind)]
    return pyarrow.array(values, kind)
