import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { decodeRawLines } from '@millrace/core/domain/raw-line.ts';
import { describe, expect, test, vi } from 'vitest';
import { LineEncoder } from '../../src/lines/line-encoder.ts';

/* compiling, 50 MB values and a Python process take their time on a busy machine */
vi.setConfig({ testTimeout: 120_000 });

/* docs/formats/raw.md is what other people write readers from: its examples, vectors and reader are checked here. */

const page = readFileSync(new URL('../../../../docs/formats/raw.md', import.meta.url), 'utf8');
const block = (info: string) => new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? '';

type Vector = {
  name: string;
  offset: string;
  timestamp: number | null;
  keyHex: string | null;
  headers: [string, string | null][];
  valueHex: string | null;
  line: string;
};
const vectors = block('jsonl vectors')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Vector);

const bytes = (hex: string | null) => (hex === null ? null : Buffer.from(hex, 'hex'));
const hex = (part: Uint8Array | null) => (part === null ? null : Buffer.from(part).toString('hex'));

describe('docs/formats/raw.md', () => {
  test('has its vectors', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(17);
  });

  test.each(vectors.map((vector) => [vector.name, vector] as const))('vector: %s', (_name, vector) => {
    const encoder = new LineEncoder();
    const headers = vector.headers.map(([name, value]) => [name, bytes(value)] as const);
    encoder.append(BigInt(vector.offset), vector.timestamp, bytes(vector.keyHex), headers, bytes(vector.valueHex));
    expect(Buffer.from(encoder.take()).toString()).toBe(vector.line);
    const [back, ...more] = [...decodeRawLines(Buffer.from(vector.line))];
    expect(more).toEqual([]);
    expect(back).toMatchObject({ offset: BigInt(vector.offset), timestamp: vector.timestamp, tombstone: vector.valueHex === null });
    expect(hex(back?.key ?? null)).toBe(vector.keyHex);
    expect(back?.headers.map(([name, value]) => [name, hex(value)])).toEqual(vector.headers);
    expect(hex(back?.value ?? null)).toBe(vector.valueHex);
  });

  test('the example lines are what decoding and encoding them again gives', () => {
    const lines = block('json lines');
    const encoder = new LineEncoder();
    for (const { offset, timestamp, key, headers, value } of decodeRawLines(Buffer.from(lines)))
      encoder.append(offset, timestamp, key, headers, value);
    expect(Buffer.from(encoder.take()).toString()).toBe(lines);
  });

  test('the Python reader of the page decodes every vector', () => {
    const script = `${block('python')}
import sys
for vector in map(json.loads, sys.stdin):
    offset, timestamp, key, headers, value = decode(vector["line"].encode("utf-8")[:-1])
    shown = lambda part: None if part is None else part.hex()
    print(json.dumps([str(offset), timestamp, shown(key), [[name, shown(part)] for name, part in headers], shown(value)]))
`;
    const printed = execFileSync('python3', ['-c', script], {
      input: block('jsonl vectors'),
      encoding: 'utf8',
      env: { ...process.env, PYTHONUTF8: '1' },
    });
    const decoded = printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(decoded).toEqual(vectors.map((vector) => [vector.offset, vector.timestamp, vector.keyHex, vector.headers, vector.valueHex]));
  });
});
