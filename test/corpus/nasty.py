"""Records that break things: the rows of "bad input" as bytes. Every object uses field names of its own, so that no two of them fight over a column's type."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Nasty:
    name: str
    value: bytes | None
    key: bytes | None = b"k"
    headers: list[tuple[bytes, bytes | None]] = field(default_factory=list)


def values() -> Iterator[tuple[str, bytes | None]]:
    """(name, value). The name `"%"` in an object's text stands for a field name nobody else uses."""
    yield "tombstone", None
    yield "empty", b""
    for text in ["null", "true", "false", "0", "-1", "1.5", '"text"', '""', "[]", "[1,2]", '[{"a":1}]', "{}", " ", "  {} ", "\t{}\t"]:
        yield f"plain {text!r}", text.encode()

    for bad in [b"\xff", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\x80", b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xed\xa0\x81\xed\xb0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xfe\xff", b"a\xccb"]:
        yield f"invalid UTF-8 {bad.hex()} in a string", b'{"%":"' + bad + b'"}'
        yield f"invalid UTF-8 {bad.hex()} alone", bad
    yield "invalid UTF-8 in a name", b'{"\xff":1}'
    yield "latin-1", '{"%":"Grüße"}'.encode("latin-1")

    bom = b"\xef\xbb\xbf"
    yield "BOM and object", bom + b'{"%":1}'
    yield "BOM alone", bom
    yield "BOM inside a string", b'{"%":"' + bom + b'x"}'
    for encoding in ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"]:
        yield encoding, '{"%":1}'.encode(encoding)

    yield "pretty, LF", b'{\n  "%": {\n    "a": 1\n  }\n}\n'
    yield "pretty, CRLF", b'{\r\n  "%": 1\r\n}\r\n'
    yield "pretty, CR", b'{\r"%":1\r}'
    yield "raw LF in a string", b'{"%":"a\nb"}'
    yield "raw CR in a string", b'{"%":"a\rb"}'
    yield "raw tab in a string", b'{"%":"a\tb"}'
    yield "LF before", b'\n{"%":1}'
    yield "LF after", b'{"%":1}\n'
    yield "two lines", b'{"%":1}\n{"%":2}'
    for char in ["\u0085", "\u2028", "\u2029", "\u000b", "\u000c", "\u00a0", "\u200b", "\ufeff"]:
        yield f"U+{ord(char):04X} in a string", ('{"%":"a' + char + 'b"}').encode()
        yield f"U+{ord(char):04X} between tokens", ("{" + char + '"%":1}').encode()

    for depth in [2, 10, 16, 17, 33]:
        yield f"objects {depth} deep", b'{"%":' + b'{"d":' * (depth - 1) + b"7" + b"}" * depth
        yield f"arrays {depth} deep", b'{"%":' + b"[" * (depth - 1) + b"7" + b"]" * (depth - 1) + b"}"
    for depth in [200, 201, 1000, 100_000]:
        yield f"objects {depth} deep", b'{"%":' + b'{"d":' * (depth - 1) + b"7" + b"}" * depth
        yield f"arrays {depth} deep", b'{"%":' + b"[" * (depth - 1) + b"7" + b"]" * (depth - 1) + b"}"
        yield f"only arrays {depth} deep", b"[" * depth + b"]" * depth
        yield f"{depth} brackets never closed", b"[" * depth
    yield "empty arrays 15 deep", b'{"%":' + b"[" * 15 + b"]" * 15 + b"}"

    numbers = "0 -0 -0.0 1.0 1e2 1E2 1e+2 1e-2 10.0e-1 0.1 0.30000000000000004 1e308 1.7976931348623157e308 -1.7976931348623157e308 5e-324 2.4e-324 1e-400 0e400 0.0e999 9007199254740993 -9007199254740993 9007199254740993.0 9223372036854775807 -9223372036854775808 123456789012345678".split()
    numbers += ["0." + "3" * 400, "1" + "0" * 400 + "e-400", "3.141592653589793238462643383279502884197"]
    for number in numbers:
        yield f"number {number[:40]}", b'{"%":' + number.encode() + b"}"
    too_large = ["9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "-123456789012345678901234567890", "1" + "0" * 400, "1e400", "-1e400", "1e999999999", "1.8e308"]
    for number in too_large:
        yield f"too large {number[:40]}", b'{"%":' + number.encode() + b"}"
        yield f"too large {number[:40]}, deep", b'{"%":[{"a":' + number.encode() + b"}]}"
    for number in ["01", "-01", "+1", ".5", "1.", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity", "-", "--1", "1_000", "1,5", "1e1.5", "٣"]:
        yield f"not a number {number}", ('{"%":' + number + "}").encode()

    yield "NUL alone", b"\0"
    yield "NUL after", b'{"%":1}\0'
    yield "NUL before", b'\0{"%":1}'
    yield "NUL raw in a string", b'{"%":"a\0b"}'
    yield "NUL escaped in a string", b'{"%":"a\\u0000b"}'
    yield "all ASCII controls escaped", json.dumps({"%": "".join(map(chr, range(32)))}).encode()
    yield "schema registry wire format", b"\0\0\0\0\x01" + b'{"%":1}'
    yield "random bytes", bytes((i * 197 + 31) % 256 for i in range(4096))
    yield "gzip magic", b"\x1f\x8b\x08\0\0\0\0\0"

    for text in ['{"%":1,}', '{"%":1', '{"%"}', '{"%":}', "{%:1}", "{'%':1}", '{"%":1}x', '{"%":1}{"%":2}', '{"%":[1,]}', '{"%":[,1]}', '{"%":tru}', '{"%":True}', '{"%":undefined}', '{/*c*/"%":1}', '{"%":1}//c', '{"%":"\\x41"}', '{"%":"\\u12"}', '{"%":"\\u{41}"}', '{"%":"', '{"%":"\\', "{,}", "}", "]", '{"%":1]', '["a":1]', '{"%" 1}', '{"%"::1}', '{1:1}', '{null:1}', "nul", "nulll", "tru", '"', "'a'", '{"%":1;"b":2}']:
        yield f"not JSON {text}", text.encode()

    yield "duplicate, last wins", b'{"%":1,"%":2}'
    yield "duplicate of another type", b'{"%":"first","%":5}'
    yield "duplicate by escape", b'{"%":1,"\\u0066":0,"f":9}'
    yield "duplicate null last", b'{"%":7,"%":null}'
    yield "duplicate objects", b'{"%":{"a":1},"%":{"b":2}}'
    yield "duplicate nested", b'{"%":{"a":1,"a":2,"a":3}}'
    yield "duplicate in a list", b'{"%":[{"a":1,"a":2}]}'
    yield "duplicate, too large first", b'{"%":1e400,"%":1.5}'
    for name in ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "length", "__defineGetter__", "then", "toJSON"]:
        yield f"name {name}", json.dumps({name: {"polluted": True}, "%": 1}).encode()
        yield f"name {name}, nested", json.dumps({"%": {name: "x"}}).encode()

    for text in ["\\ud800", "\\udc00", "\\ud800x", "x\\udfff", "\\udc00\\ud800", "\\ud800\\ud800\\udc00", "\\uD83D", "\\ud800\\u0041"]:
        yield f"lone surrogate {text}", ('{"%":"' + text + '"}').encode()
        yield f"lone surrogate {text} in a name", ('{"%":{"' + text + '":1}}').encode()
    yield "surrogate pair", b'{"%":"\\ud83d\\ude00"}'
    yield "lone surrogate in an array", b'{"%":["a","\\ud800"]}'
    yield "all escapes", b'{"%":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20AC"}'

    yield "name with NUL", b'{"%":1,"n\\u0000ul":"top"}'
    yield "name that is NUL", b'{"%":{"\\u0000":1}}'
    yield "empty name", b'{"":"top","%":1}'
    yield "empty name, nested", b'{"%":{"":1,"a":{"":2}}}'
    for char in " ,;{}()\n\t=":
        yield f"name with {char!r}", json.dumps({"%": {f"a{char}b": 1, char: 2}}).encode()
    for name in [".", "a.b", "..", "/", "a/b", "\\", "`", '"', "'", "%", "%20", "a%2Fb", "#", "?", "*", "[]", "[0]", "$", "@", ":", "|", "<", "&", "!", "~", "^", "é", "e\u0301", "ß", "ﬁ", "İ", "ı", "漢字", "😀", "\u202e", "\u200d", "\ufffe", "\uffff", "\U0010ffff", "\x7f", "\x85", "1", "0", "-1", "select", "null", "true", "_x0041_", "_x_", "_X_", "_x0041", "_x00 41_", "__x0041__", "_metadata", "_change_type", "_row_id", "element", "list", "key_value", "array", "key", "value"]:
        yield f"name {name!r}", json.dumps({"%": {name: 1}}, ensure_ascii=False).encode()
    yield "names that differ by case", b'{"%":{"id":1,"ID":2,"Id":3,"iD":4}}'
    yield "names that differ by case, at the top", b'{"CaseTop":1,"casetop":2,"%":3}'
    yield "case beyond ASCII", json.dumps({"%": {"straße": 1, "STRASSE": 2, "Ä": 3, "ä": 4, "\u212a": 5, "k": 6}}, ensure_ascii=False).encode()
    for name in ["_source_topic", "_source_topic_id", "_source_partition", "_source_offset", "_source_timestamp", "_source_row", "_SOURCE_OFFSET"]:
        yield f"name {name}", json.dumps({name: "mine", "%": 1}).encode()
    yield "long name", json.dumps({"%": {"n" * 5000: 1}}).encode()
    yield "2,000 columns", json.dumps({f"column{i:04}": i for i in range(2000)}).encode()
    yield "500 members, nested", json.dumps({"%": {f"m{i}": i for i in range(500)}}).encode()

    yield "array of 50,000", json.dumps({"%": list(range(50_000))}).encode()
    yield "array of arrays", b'{"%":[[1,2],[],[3],null]}'
    yield "array of objects", b'{"%":[{"a":1},{"b":"x"},{},null,{"a":2,"b":null,"c":[true]}]}'
    yield "array of nulls", b'{"%":[null,null]}'
    yield "array of empties", b'{"%":[[],[[]]]}'
    yield "array of empty objects", b'{"%":[{},{}]}'
    yield "only null", b'{"%":null}'
    yield "empty array", b'{"%":[]}'
    yield "empty object", b'{"%":{}}'
    yield "nothing but empties", b'{"%":{"a":[],"b":{},"c":null,"d":{"e":[{}]}}}'
    yield "empty string", b'{"%":""}'
    yield "string of 1 MB", json.dumps({"%": "0123456789abcdef" * 65536}).encode()
    for text in ["x" * 31 + "😀y", "x" * 32 + "😀", "x" * 31 + "\U0010ffff\U0010ffff", "\x7f" * 40, "\U0010ffff" * 40, "ÿ" * 33, "\uffff" * 33, "'; DROP TABLE x; --", "=1+1", "NaN", "1e400", "2026-01-01T00:00:00Z", "null"]:
        yield f"string {text[:12]!r}", json.dumps({"%": text}, ensure_ascii=False).encode()
    yield "our own raw line", b'{"%":"x","offset":1,"timestamp":null,"key":"k","value":{"value":{}}}'
    yield 'text "value":', b'{"%":"\\"value\\":1}"}'
    yield "boolean", b'{"%":true}'


def keys() -> Iterator[tuple[str, bytes | None]]:
    yield "null", None
    for key in [b"", b"\0", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", bytes(range(256)), b'"', b"\\", b'","value":1', b'"value":', b"value", b"{}", b"null", b"\n", b"\r\n", b"\t", b"\x7f", b"\xef\xbb\xbfkey", "ключ".encode(), "😀".encode(), "\u2028".encode(), b"k" * 100_000, b"\x80" * 1000, b"\0\0\0\0\x01avro"]:
        yield repr(key[:16]), key


def headers() -> Iterator[tuple[str, list[tuple[bytes, bytes | None]]]]:
    yield "one", [(b"trace", b"1")]
    yield "repeated", [(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"a", b"1")]
    yield "empty value", [(b"a", b"")]
    yield "empty name", [(b"", b"x")]
    yield "empty both", [(b"", b"")]
    yield "binary value", [(b"bin", bytes(range(256)))]
    yield "value is not UTF-8", [(b"bin", b"\xff"), (b"text", b"ok")]
    yield "NUL", [(b"nul", b"a\0b")]
    yield "quotes", [(b'q"', b'"value":'), (b"value", b"x"), (b'"value":', b"{}"), (b"\\", b"\\")]
    yield "line breaks", [(b"lf", b"a\nb\r\n"), (b"u2028", "\u2028".encode())]
    yield "unicode name", [("имя😀".encode(), "значение".encode())]
    yield "JSON values", [(b"json", b'{"base64":"AP8="}'), (b"null", b"null")]
    yield "200 of them", [(f"h{i}".encode(), str(i).encode()) for i in range(200)]
    yield "large", [(b"large", b"v" * 100_000)]
    yield "BOM", [(b"\xef\xbb\xbfbom", b"\xef\xbb\xbf")]
    yield "numeric names", [(b"1", b"one"), (b"0", b"zero"), (b"__proto__", b"p"), (b"constructor", b"c")]
    yield "null value", [(b"nothing", None)]
    yield "null value among others", [(b"a", b"1"), (b"nothing", None), (b"a", b"2")]
    yield "name is not UTF-8", [(b"\xff\xfe", b"x"), (b"fine", b"y")]


def records(big_bytes: int) -> list[Nasty]:
    """The whole list. `big_bytes` is the size of the largest value."""
    result = []
    for number, (name, value) in enumerate(values()):
        result.append(Nasty(name, None if value is None else value.replace(b'"%"', f'"f{number:03}"'.encode()), f"value-{number}".encode()))
    result += [Nasty(f"key {name}", json.dumps({"id": 900_000 + i, "kind": "key"}).encode(), key) for i, (name, key) in enumerate(keys())]
    result += [Nasty(f"tombstone for key {name}", None, key) for name, key in list(keys())[:6]]
    result += [Nasty(f"headers {name}", json.dumps({"id": 910_000 + i, "kind": "header"}).encode(), b"k", pairs) for i, (name, pairs) in enumerate(headers())]
    result += [Nasty("tombstone with headers", None, b"k", [(b"a", b"1"), (b"a", b"\xff")]), Nasty("everything odd", b"\xff", b"\xff", [(b"", b"\xff"), (b"", b"")])]
    if big_bytes > 0:
        text = b'{"big":"' + b"0123456789abcdef" * (big_bytes // 16) + b'"}'
        result += [Nasty("big JSON", text, b"big"), Nasty("big bytes", b"\xfe" * (big_bytes // 2), b"big")]
    return result
