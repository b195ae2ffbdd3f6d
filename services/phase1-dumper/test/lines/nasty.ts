/** A record as it comes from Kafka. */
export type NastyRecord = {
  offset: bigint;
  timestamp: number | null;
  key: Uint8Array | null;
  headers: [string, Uint8Array | null][];
  value: Uint8Array | null;
};

const texts = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1.0',
  '1e2',
  '1E+2',
  '-1.5e-300',
  '1e400',
  '9007199254740993',
  '9223372036854775808',
  '1'.repeat(30),
  '"text"',
  '""',
  '[]',
  '{}',
  ' ',
  '  {} ',
  '\t[]\t',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '{"":1}',
  '{"n\\u0000ul":1}',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\u2028\u2029\u0085\ufeff"',
  '"\u007f"',
  '"😀漢é"',
  '{"value":1}',
  '{"\\"value\\":":1}',
  '"\\"value\\":"',
  '{"valueBase64":"x","tombstone":true}',
  '{"offset":1,"timestamp":null,"key":"k","value":{"value":{}}}',
  '{\n  "a": 1\n}',
  '{\r\n"a":1\r\n}',
  '\n{}',
  '{}\n',
  '{}\r',
  '{"a":"x\ny"}',
  '{"a":1}\n{"a":2}',
  '"a\tb"',
  '"a\u0000b"',
  '\u0000',
  '{}\u0000',
  '\ufeff{}',
  '\ufeff',
  '{',
  '}',
  '[1,]',
  '{"a":1,}',
  '{a:1}',
  "{'a':1}",
  'NaN',
  'Infinity',
  '01',
  '+1',
  '.5',
  '1.',
  '1e',
  '-',
  'nul',
  'True',
  '"',
  '"\\',
  '"\\x41"',
  '"\\u12"',
  '1 2',
  '{}{}',
  '{"a" 1}',
  '{}//',
  '}',
  '"value":',
  '"tombstone":true',
];

function values(): (Uint8Array | null)[] {
  const nested = (open: string, close: string, depth: number) => Buffer.from(`${open.repeat(depth)}1${close.repeat(depth)}`);
  const deep = [199, 200, 201, 1_000, 100_000].flatMap((depth) => [
    nested('[', ']', depth),
    nested('{"d":', '}', depth),
    Buffer.from('['.repeat(depth)),
  ]);
  const notUtf8 = ['ff', 'c0af', 'eda080', 'eda081edb080', 'f4908080', '80', 'c3', 'e282', 'fffe7b007d00', '0000000001', '1f8b08'].flatMap(
    (hex) => {
      const bad = Buffer.from(hex, 'hex');
      return [bad, Buffer.concat([Buffer.from('{"a":"'), bad, Buffer.from('"}')])];
    },
  );
  const wide = Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`c${i}`, i]))));
  const allBytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  return [
    null,
    Buffer.alloc(0),
    ...texts.map((text) => Buffer.from(text)),
    ...deep,
    ...notUtf8,
    wide,
    allBytes,
    Buffer.alloc(300_000, 'é'),
    Buffer.from(`"${'é"\\n'.repeat(1_000).replaceAll('"', '\\"')}"`),
  ];
}

const keys: (Uint8Array | null)[] = [
  null,
  ...[
    '',
    '\0',
    '"',
    '\\',
    '\n',
    '\r\n',
    '","value":1',
    '"value":',
    ',"tombstone":true}',
    'ключ',
    '😀',
    '\u2028',
    '\ufeffkey',
    '\u007f',
    'null',
    '{}',
    'k'.repeat(100_000),
    '"'.repeat(20_000),
  ].map((text) => Buffer.from(text)),
  ...['ff', 'c3', 'eda080', '0000000001ff', '80'.repeat(1_000)].map((hex) => Buffer.from(hex, 'hex')),
  Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
];

const headers: [string, Uint8Array | null][][] = [
  [['a', Buffer.from('1')]],
  [
    ['a', Buffer.from('1')],
    ['b', Buffer.from('2')],
    ['a', Buffer.from('3')],
    ['a', null],
  ],
  [['', Buffer.alloc(0)]],
  [
    ['value', Buffer.from('x')],
    ['"value":', Buffer.from('{}')],
    ['\\', Buffer.from('\\')],
    ['tombstone', Buffer.from('"tombstone":true}')],
  ],
  [
    ['bin', Buffer.from(Array.from({ length: 256 }, (_, i) => i))],
    ['text', Buffer.from('ok')],
  ],
  [
    ['json', Buffer.from('{"base64":"AP8="}')],
    ['null', Buffer.from('null')],
    ['__proto__', Buffer.from('p')],
    ['1', Buffer.from('one')],
  ],
  [
    ['имя😀', Buffer.from('значение')],
    ['lf', Buffer.from('a\nb\r\n\u2028')],
  ],
  Array.from({ length: 200 }, (_, i) => [`h${i}`, Buffer.from(String(i))]),
  [
    ['large', Buffer.alloc(100_000, '"')],
    ['large bytes', Buffer.alloc(100_000, 0xff)],
  ],
];

/** Records that break things: every odd value, then every odd key and header set on an ordinary and on an odd value. */
export function nastyRecords(): NastyRecord[] {
  const record = (value: Uint8Array | null, key: Uint8Array | null, heads: [string, Uint8Array | null][]) => ({
    timestamp: 1_700_000_000_000,
    key,
    headers: heads,
    value,
  });
  const odd = Buffer.from([0xff, 0x0a]);
  const all = [
    ...values().map((value) => record(value, Buffer.from('k'), [])),
    ...keys.flatMap((key) => [record(Buffer.from('{"id":1}'), key, []), record(odd, key, []), record(null, key, [])]),
    ...headers.flatMap((heads) => [
      record(Buffer.from('{"id":1}'), null, heads),
      record(odd, odd, heads),
      record(null, Buffer.from('"value":'), heads),
    ]),
  ];
  return all.map((one, i) => ({ offset: BigInt(i) * 3n, ...one }));
}
