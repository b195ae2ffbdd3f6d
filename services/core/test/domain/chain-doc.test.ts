import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { type ChainEntry, chainEntry, chainStart, encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import { flightMark } from '@millrace/core/domain/flight.ts';
import { chainEntryKey, chainStartKey, flightMarkKey } from '@millrace/core/domain/keys.ts';
import { coveredOffsets } from '@millrace/core/domain/offsets.ts';
import { describe, expect, test } from 'vitest';

/* docs/formats/chain.md is what other people write readers from: every example in it goes through the schemas the services use. */

const page = readFileSync(new URL('../../../../docs/formats/chain.md', import.meta.url), 'utf8');

/** Fenced blocks whose info string is `info`, each with the key in back-ticks on the line before it, if there is one. */
function blocks(info: string): { key: string | undefined; body: string }[] {
  return [...page.matchAll(new RegExp(`(?:^\`([^\`]+)\`\\n)?^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map((match) => ({
    key: match[1],
    body: match[2] ?? '',
  }));
}
const bytesOf = (body: string) => new TextEncoder().encode(body);

const entries = blocks('json entry').map(({ key, body }) => ({
  key,
  body,
  entry: parseStored(chainEntry, bytesOf(body), 'example') as ChainEntry,
}));

describe('docs/formats/chain.md', () => {
  test('has an example of every kind', () => {
    expect(new Set(entries.map(({ entry }) => entry.kind))).toEqual(new Set(['claim', 'data', 'gap', 'close']));
  });

  test.each(entries.map((e) => [e.entry.seq.toString(), e] as const))(
    'seq %s: read and written again it is the same JSON, under the key shown',
    (_, { key, body, entry }) => {
      expect(JSON.parse(new TextDecoder().decode(encodeStored(chainEntry, entry)))).toEqual(JSON.parse(body));
      expect(key).toBe(chainEntryKey(entry.source.topic, entry.source, entry.seq));
    },
  );

  test('the examples are one chain that obeys the rules of the page', () => {
    const start = parseStored(chainStart, bytesOf(blocks('json start')[0]?.body ?? ''), 'start');
    let previous: ChainEntry | undefined;
    for (const { entry } of entries) {
      expect(entry.seq).toBe(previous === undefined ? 0n : previous.seq + 1n);
      expect(entry.startOffset).toBe(previous?.endOffset ?? start.partitions[entry.source.partition]);
      expect(entry.epoch).toBe((previous?.epoch ?? 0n) + (entry.kind === 'claim' ? 1n : 0n));
      const objects = entry.kind === 'data' ? entry.objects : [];
      const gaps = entry.kind === 'data' || entry.kind === 'gap' ? entry.gaps : [];
      const records = objects.reduce((sum, object) => sum + BigInt(object.recordCount), 0n);
      expect(records + coveredOffsets(gaps)).toBe(entry.endOffset - entry.startOffset);
      previous = entry;
    }
    expect(blocks('json start')[0]?.key).toBe(chainStartKey(start.topic, start.topicId));
  });

  test('the flight mark lies where the page says, and is read as it is written', () => {
    const [block] = blocks('json flight');
    const mark = parseStored(flightMark, bytesOf(block?.body ?? ''), 'mark');
    expect(block?.key).toBe(flightMarkKey('orders', { topicId: 'Mh5vQ2xKRc6dJ0sW8yTb_A', partition: 7 }, mark.epoch));
    expect(new TextDecoder().decode(encodeStored(flightMark, mark)).trim()).toBe(block?.body.trim());
  });

  test.each(blocks('json newer').map((b) => [b.body]))('newer, not corrupt: %s', (body) => {
    expect(errorOf(body)).toMatchObject({
      kind: 'invalid',
      code: 'newer_format',
    });
  });

  test.each(blocks('json corrupt').map((b) => [b.body]))('corrupt: %s', (body) => {
    expect(errorOf(body)).toMatchObject({
      kind: 'corrupt',
      code: 'unreadable_object',
    });
  });

  test('the vector is the object that seq 1 names', () => {
    const stored = Buffer.from(blocks('base64 object')[0]?.body ?? '', 'base64');
    const lines = zstdDecompressSync(stored);
    const entry = entries[1]?.entry;
    const object = entry?.kind === 'data' ? entry.objects[0] : undefined;
    expect(object).toMatchObject({
      bytes: stored.length,
      linesBytes: lines.length,
      sha256: createHash('sha256').update(stored).digest('hex'),
    });
    expect(lines.toString()).toBe(blocks('text lines')[0]?.body);
    expect(lines.toString().match(/\n/g)?.length).toBe(object?.recordCount);
  });
});

function errorOf(body: string): unknown {
  try {
    return parseStored(chainEntry, bytesOf(body), 'example');
  } catch (error) {
    expect(isKind(error, 'invalid', 'corrupt')).toBe(true);
    return error;
  }
}
