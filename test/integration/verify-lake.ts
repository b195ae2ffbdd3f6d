import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { zstdCompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { encodeCommit } from '@millrace/core/delta/actions.ts';
import { type ChainEntry, chainEntry, chainStart, encodeStored, type RawObject } from '@millrace/core/domain/chain.ts';
import { chainEntryKey, chainStartKey, deltaCommitKey, ledgerKey, quarantineSegmentKey } from '@millrace/core/domain/keys.ts';
import { type Ledger, ledger, type QuarantinePointer, quarantineSegment } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId, positionAppId } from '@millrace/core/domain/source.ts';

export const topic = 'mill';
export const topicId = 'Mh5vQ2xKRc6dJ0sW8yTb_A';
export const source = { topicId, partition: 0 };

/** What became of an offset: `r` row, `q` quarantined, `t` tombstone, `g` gap. */
export type Fate = 'r' | 'q' | 't' | 'g';

/** A small lake whose every part a test may spoil before it is written. One source partition, two raw objects, two data files. */
export type Lake = {
  fates: string;
  start: bigint;
  position: bigint;
  entries: ChainEntry[];
  raw: Map<string, Uint8Array>;
  /** offsets of each data file */
  files: bigint[][];
  pointers: QuarantinePointer[];
  ledger: Ledger;
  /** txns of the last commit by appId */
  txns: Map<string, bigint>;
};

/** Columns of the lake's table, as `parquetOf` writes them. */
const fields = [
  ['id', 'long'],
  ['_source_topic', 'string'],
  ['_source_topic_id', 'string'],
  ['_source_partition', 'integer'],
  ['_source_offset', 'long'],
].map(([name, type]) => ({ name, type, nullable: true, metadata: {} }));

const at = '2026-01-01T00:00:00.000Z';
const line = (offset: number, fate: Fate): string =>
  `{"offset":${offset},"timestamp":1,"key":"k",${fate === 't' ? '"tombstone":true' : fate === 'q' ? '"valueBase64":"ew=="' : `"value":{"id":${offset}}`}}\n`;

/** Builds a lake in order: one letter of `fates` an offset, cut into two entries; the table covers `[start, position)`. */
export function soundLake(fates: string, start = 0n, position = BigInt(fates.length)): Lake {
  const half = Math.ceil(fates.length / 2);
  const raw = new Map<string, Uint8Array>();
  const pointers: QuarantinePointer[] = [];
  const common = {
    format: 1 as const,
    source: { clusterId: 'c', topic, ...source },
    leaderEpoch: 0,
    writer: 'w',
    createdAt: at,
    epoch: 1n,
  };
  const entries: ChainEntry[] = [{ ...common, kind: 'claim', seq: 0n, attemptId: 'a0', startOffset: 0n, endOffset: 0n }];
  for (const [from, to] of [
    [0, half],
    [half, fates.length],
  ] as const) {
    const key = `${topic}/2026/01/01/00/00/00000-${from}.jsonl.zst`;
    const held = Array.from({ length: to - from }, (_, i) => from + i).filter((offset) => fates[offset] !== 'g');
    const gaps = Array.from({ length: to - from }, (_, i) => BigInt(from + i))
      .filter((offset) => fates[Number(offset)] === 'g')
      .map((offset) => ({ startOffset: offset, endOffset: offset + 1n, cause: 'not_delivered' as const }));
    const text = held.map((offset) => line(offset, fates[offset] as Fate)).join('');
    const stored = new Uint8Array(zstdCompressSync(text));
    raw.set(key, stored);
    held.forEach((offset, index) => {
      if (fates[offset] === 'q' && BigInt(offset) >= start && BigInt(offset) < position)
        pointers.push({
          rawObject: key,
          ...source,
          startLine: index,
          endLine: index + 1,
          startOffset: BigInt(offset),
          endOffset: BigInt(offset) + 1n,
          records: 1,
          stage: 'decode',
          reason: 'not_json',
          detail: '',
          datasetVersion: 1,
          schemaVersion: 1,
        });
    });
    const object: RawObject = {
      key,
      bytes: stored.length,
      linesBytes: Buffer.byteLength(text),
      sha256: sha256(stored),
      recordCount: held.length,
      startOffset: BigInt(held[0] ?? from),
      endOffset: BigInt((held.at(-1) ?? from) + 1),
      firstTimestamp: 1,
      lastTimestamp: 1,
    };
    entries.push({
      ...common,
      kind: 'data',
      seq: BigInt(entries.length),
      attemptId: `a${entries.length}`,
      startOffset: BigInt(from),
      endOffset: BigInt(to),
      objects: [object],
      gaps,
    });
  }
  const of = (fate: Fate) =>
    [...fates].flatMap((f, offset) => (f === fate && BigInt(offset) >= start && BigInt(offset) < position ? [BigInt(offset)] : []));
  const rows = of('r');
  const count = (name: string, n: number) => (n === 0 ? {} : { [name]: BigInt(n) });
  const seq = entries.findLast((entry) => entry.startOffset <= position)?.seq ?? 0n;
  return {
    fates,
    start,
    position,
    entries,
    raw,
    files: [rows.filter((_, i) => i % 2 === 0), rows.filter((_, i) => i % 2 === 1)],
    pointers,
    ledger: {
      format: 1,
      id: 4_503_599_627_370_497n,
      previousId: null,
      attemptId: 'a',
      datasetId: '0b9e6d0e-6f0c-4c55-9a2b-5c8a1f4a7d11',
      dataset: 'd',
      datasetVersion: 1,
      schemaVersion: 1,
      createdAt: at,
      floodCheck: 'pending',
      partitions: [
        {
          topic,
          ...source,
          startOffset: start,
          position,
          seq,
          committed: BigInt(rows.length),
          quarantined: count('not_json', of('q').length),
          dropped: count('tombstone', of('t').length),
          gaps: count('not_delivered', of('g').length),
        },
      ],
      quarantineSegments: [],
    },
    txns: new Map([[positionAppId(source), position]]),
  };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Writes a lake into a fresh directory. `spoilFiles` may change what lies there afterwards. */
export async function writeLake(lake: Lake): Promise<{ dir: string; rawUrl: string; tablesUrl: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-verify-test-'));
  const rawUrl = pathToFileURL(join(dir, 'raw')).href;
  const tablesUrl = pathToFileURL(join(dir, 'tables')).href;
  const raw = openObjectStore(rawUrl);
  const tables = openObjectStore(tablesUrl);
  for (const [key, bytes] of lake.raw) await raw.put(key, bytes);
  await raw.put(
    chainStartKey(topic, topicId),
    encodeStored(chainStart, {
      format: 1,
      topicId,
      topic,
      clusterId: 'c',
      startFrom: 'earliest',
      partitions: { '0': 0n },
      attemptId: 'a',
      createdAt: at,
    }),
  );
  for (const entry of lake.entries) await raw.put(chainEntryKey(topic, source, entry.seq), encodeStored(chainEntry, entry));
  const adds = [];
  for (const [index, offsets] of lake.files.entries()) {
    const bytes = await parquetOf(dir, offsets);
    await tables.put(`d/part-${index}.parquet`, bytes);
    adds.push({
      add: {
        path: `part-${index}.parquet`,
        partitionValues: {},
        size: bytes.length,
        modificationTime: 1,
        dataChange: true,
        stats: JSON.stringify({ numRecords: offsets.length }),
      },
    });
  }
  let segments = lake.ledger.quarantineSegments;
  if (lake.pointers.length > 0) {
    const bytes = encodeStored(quarantineSegment, { format: 1, pointers: lake.pointers });
    const key = quarantineSegmentKey('01KDX4QEZ0B1C2D3E4F5G6H7J8');
    await tables.put(`d/${key}`, bytes);
    segments = [{ key, sha256: sha256(bytes), bytes: bytes.length, records: BigInt(lake.pointers.length) }];
  }
  await tables.put(`d/${ledgerKey(lake.ledger.id)}`, encodeStored(ledger, { ...lake.ledger, quarantineSegments: segments }));
  const txns = [...lake.txns, [ledgerAppId, lake.ledger.id] as const].map(([appId, version]) => ({ txn: { appId, version } }));
  const metaData = {
    id: 'm',
    format: { provider: 'parquet', options: {} },
    schemaString: JSON.stringify({ type: 'struct', fields }),
    partitionColumns: [],
    configuration: {},
  };
  await tables.put(
    `d/${deltaCommitKey(0n)}`,
    encodeCommit([{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }, ...txns, ...adds]),
  );
  await Promise.all([raw.close(), tables.close()]);
  return { dir, rawUrl, tablesUrl, remove: () => rm(dir, { recursive: true, force: true }) };
}

async function parquetOf(dir: string, offsets: readonly bigint[]): Promise<Uint8Array> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const path = join(dir, 'new.parquet');
  const list = offsets.length === 0 ? '[]::BIGINT[]' : `[${offsets.join(',')}]`;
  await connection.run(
    `COPY (SELECT o::BIGINT AS id, '${topic}' AS _source_topic, '${topicId}' AS _source_topic_id, 0::INTEGER AS _source_partition, o::BIGINT AS _source_offset FROM unnest(${list}) AS u(o)) TO '${path}' (FORMAT parquet)`,
  );
  connection.closeSync();
  instance.closeSync();
  return readFile(path);
}
