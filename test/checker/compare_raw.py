#!/usr/bin/env python3
"""Compares what landed (raw_reader.py --out) with what Kafka held (kafka_truth.py --out).

    compare_raw.py --raw raw.tsv [--raw ...] --truth now.tsv [--truth first-incarnation.tsv ...] [--before earlier.tsv ...] [--from topicId/partition=offset ...]

Per source partition: lost (in truth, not in raw), duplicate (twice in raw), altered (both, but different, with the fields), phantom (in raw, not in truth nor in
any --before file: truth taken earlier, for topics that Kafka has compacted since). Prints JSON; exit status 1 when anything differs.

Exempt, because the native client loses them: headers whose value is null or whose name is not UTF-8. The other headers of such a record must be there, in order.
"""

import argparse
import base64
import json
import sys
from collections import defaultdict

Fields = tuple[str, str, str, str]
Source = tuple[str, int]
NAMES = ("timestamp", "key", "headers", "value")
EXAMPLES_MAX = 5


def load(paths: list[str]) -> tuple[dict[Source, dict[int, Fields]], dict[Source, list[int]]]:
    """Records by source partition and offset, and offsets that were met again."""
    found: dict[Source, dict[int, Fields]] = defaultdict(dict)
    again: dict[Source, list[int]] = defaultdict(list)
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                topic_id, partition, offset, *rest = line.rstrip("\n").split("\t")
                source, number = (topic_id, int(partition)), int(offset)
                if number in found[source]:
                    again[source].append(number)
                found[source][number] = (rest[0], rest[1], rest[2], rest[3])
    return found, again


def exempt(pair: list) -> bool:
    name, value = pair
    try:
        base64.b64decode(name).decode("utf-8")
    except UnicodeDecodeError:
        return True
    return value is None


def headers_agree(truth: str, raw: str) -> bool:
    """Equal; or, when truth has exempt headers, raw holds all others in order and not more than truth in all."""
    if truth == raw:
        return True
    wanted, got = json.loads(truth), json.loads(raw)
    kept = [pair for pair in wanted if not exempt(pair)]
    if len(kept) == len(wanted) or len(got) > len(wanted):
        return False
    rest = iter(got)
    return all(any(pair == other for other in rest) for pair in kept)


def differing(truth: Fields, raw: Fields) -> list[str]:
    return [name for name, a, b in zip(NAMES, truth, raw, strict=True) if a != b and not (name == "headers" and headers_agree(a, b))]


def ranges(offsets: list[int]) -> list[str]:
    """Half-open ranges of sorted offsets as text."""
    result: list[list[int]] = []
    for offset in offsets:
        if result and result[-1][1] == offset:
            result[-1][1] = offset + 1
        else:
            result.append([offset, offset + 1])
    return [f"[{low}, {high})" for low, high in result[:EXAMPLES_MAX]] + (["…"] if len(result) > EXAMPLES_MAX else [])


def compare(raw: dict, again: dict, truth: dict, before: dict, starts: dict[Source, int]) -> dict:
    report: dict = {"partitions": [], "differences": 0}
    for source in sorted(set(raw) | set(truth)):
        got, start = raw.get(source, {}), starts.get(source, 0)
        wanted = {offset: fields for offset, fields in truth.get(source, {}).items() if offset >= start}
        earlier = before.get(source, {})
        lost = sorted(set(wanted) - set(got))
        phantom = sorted(offset for offset in set(got) - set(wanted) if offset not in earlier)
        altered = []
        for offset in sorted(set(got) - set(phantom)):
            fields = differing(wanted.get(offset) or earlier[offset], got[offset])
            if fields:
                altered.append({"offset": offset, "fields": fields})
        duplicate = sorted(set(again.get(source, [])))
        report["differences"] += len(lost) + len(phantom) + len(altered) + len(duplicate)
        report["partitions"].append(
            {
                "topicId": source[0],
                "partition": source[1],
                "records": len(got),
                "truth": len(wanted),
                "exemptHeaders": sum(1 for offset in set(wanted) & set(got) if wanted[offset][2] != got[offset][2]),
                "lost": {"count": len(lost), "ranges": ranges(lost)},
                "duplicate": {"count": len(duplicate), "ranges": ranges(duplicate)},
                "altered": {"count": len(altered), "examples": altered[:EXAMPLES_MAX]},
                "phantom": {"count": len(phantom), "ranges": ranges(phantom)},
            }
        )
    return report


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--raw", action="append", required=True)
    arguments.add_argument("--truth", action="append", required=True)
    arguments.add_argument("--before", action="append", default=[])
    arguments.add_argument("--from", dest="starts", action="append", default=[], help="topicId/partition=offset: landing began there (startFrom latest)")
    given = arguments.parse_args()
    raw, again = load(given.raw)
    starts = {}
    for text in given.starts:
        source, offset = text.rsplit("=", 1)
        topic_id, partition = source.rsplit("/", 1)
        starts[(topic_id, int(partition))] = int(offset)
    report = compare(raw, again, load(given.truth)[0], load(given.before)[0], starts)
    print(json.dumps(report))
    return 1 if report["differences"] else 0


if __name__ == "__main__":
    sys.exit(main())
