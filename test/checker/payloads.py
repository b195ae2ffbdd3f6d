"""Values for the producers of a chaos run: small orders, the same for the same seed, producer and sequence."""

import random
from dataclasses import dataclass

COUNTRIES = ("DE", "BR", "JP", "UA")
WORDS = ("grain", "flour", "mühle", "жорно", "水車", "wheel 🌾", "stone", 'say "rye"')
ODD_VALUES = (b"not json", b"", b"null", b"[1,2]", b'{"id":', b"\xff\xfe\x00", b"17", b'{"id":99999999999999999999}', b'{"id":1e400}')
BEYOND_DOUBLES = 2**53


@dataclass(frozen=True)
class Kinds:
    """Shares (0 to 1) of the odd kinds (`twice`: a member comes again with another value), and the size that every `big_share`-th order is padded to."""

    tombstones: float = 0.0
    odd: float = 0.0
    lists: float = 0.0
    big: float = 0.0
    big_bytes: int = 0
    value_bytes: int = 0
    flat: bool = False
    twice: float = 0.0


def order(chance: random.Random, producer: str, sequence: int, kinds: Kinds) -> bytes | None:
    """One value. Never raises; None is a tombstone."""
    draw = chance.random()
    if draw < kinds.tombstones:
        return None
    draw -= kinds.tombstones
    if 0 <= draw < kinds.odd:
        return ODD_VALUES[int(chance.random() * len(ODD_VALUES))]
    pick = chance.getrandbits(32)
    word = WORDS[pick & 7].replace('"', '\\"')
    cents = (pick >> 3) % 90_000
    head = f'{{"id":{BEYOND_DOUBLES + 1 + sequence},"producer":"{producer}","sequence":{sequence},"total":{cents // 100}.{cents % 100:02d},"note":"{word}"'
    if kinds.twice > 0 and chance.random() < kinds.twice:
        head += f',"note":"not {word}"'
    if kinds.flat:
        body = f',"country":"{COUNTRIES[(pick >> 20) & 3]}","gift":{"true" if pick & 1 << 22 else "false"}'
    else:
        body = f',"customer":{{"id":{pick >> 8},"country":"{COUNTRIES[(pick >> 20) & 3]}","vip":{"true" if pick & 1 << 22 else "null"}}}'
    if chance.random() < kinds.lists:
        body += f',"lines":[{{"sku":"S-{pick & 4095}","count":{pick & 7}}},{{"sku":"{word}","count":null}}]'
    wanted = kinds.big_bytes if chance.random() < kinds.big else kinds.value_bytes
    missing = wanted - len(head) - len(body)
    if missing > 12:
        body += f',"pad":"{"x" * (missing - 10)}"'
    return f"{head}{body}}}".encode()
