import { createHash } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { encodeCommit } from '@millrace/core/delta/actions.ts';
import { type ChainEntry, chainEntry, chainStart, encodeStored } from '@millrace/core/domain/chain.ts';
import { chainEntryKey, chainStartKey, deltaCommitKey, ledgerKey } from '@millrace/core/domain/keys.ts';
import { ledger } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId, positionAppId } from '@millrace/core/domain/source.ts';
import { source, topic, topicId } from '../integration/verify-lake.ts';

/** Sizes of a long history: `entries` data entries of one chain, two records each, in `commits` commits of the table. */
export type LongHistory = { entries: number; commits: number };

const recordsPerEntry = 2;
const at = '2026-01-01T00:00:00.000Z';

/** Key of the one raw object of a data entry, counted from 0. */
export const objectKey = (index: number): string =>
  `${topic}/2026/01/01/00/${String(index % 60).padStart(2, '0')}/00000-${index}.jsonl.zst`;

/** Name of the data file of a commit. */
export const dataFile = (commit: number): string => `part-${commit}.parquet`;

/** Writes the lake of a long history below `dir`: `raw/` and `tables/d/`. Nothing of it is wrong. */
export async function writeLongHistory(dir: string, { entries, commits }: LongHistory): Promise<void> {
  const put = (path: string, body: Uint8Array) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, body);
  };
  const common = {
    format: 1 as const,
    source: { clusterId: 'c', topic, ...source },
    leaderEpoch: 0,
    writer: 'w',
    createdAt: at,
    epoch: 1n,
  };
  const chain = (entry: ChainEntry) => put(join(dir, 'raw', chainEntryKey(topic, source, entry.seq)), encodeStored(chainEntry, entry));
  chain({ ...common, kind: 'claim', seq: 0n, attemptId: 'a', startOffset: 0n, endOffset: 0n });
  put(
    join(dir, 'raw', chainStartKey(topic, topicId)),
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
  for (let index = 0; index < entries; index++) {
    const first = index * recordsPerEntry;
    const text = [first, first + 1].map((offset) => `{"offset":${offset},"timestamp":1,"key":"k","value":{"id":${offset}}}\n`).join('');
    const stored = zstdCompressSync(text);
    put(join(dir, 'raw', objectKey(index)), stored);
    const startOffset = BigInt(first);
    const endOffset = startOffset + BigInt(recordsPerEntry);
    const object = {
      key: objectKey(index),
      bytes: stored.length,
      linesBytes: text.length,
      sha256: createHash('sha256').update(stored).digest('hex'),
      recordCount: recordsPerEntry,
      startOffset,
      endOffset,
      firstTimestamp: 1,
      lastTimestamp: 1,
    };
    chain({ ...common, kind: 'data', seq: BigInt(index + 1), attemptId: 'a', startOffset, endOffset, objects: [object], gaps: [] });
  }
  await writeTable(join(dir, 'tables', 'd'), { entries, commits }, put);
}

async function writeTable(table: string, { entries, commits }: LongHistory, put: (path: string, body: Uint8Array) => void): Promise<void> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  mkdirSync(table, { recursive: true });
  const offsets = entries * recordsPerEntry;
  for (let commit = 0; commit < commits; commit++) {
    const from = Math.floor((commit * offsets) / commits);
    const position = Math.floor(((commit + 1) * offsets) / commits);
    await connection.run(
      `COPY (SELECT o AS id, '${topic}' AS _source_topic, '${topicId}' AS _source_topic_id, 0::INTEGER AS _source_partition, o AS _source_offset FROM range(${from}, ${position}) AS r(o)) TO '${join(table, dataFile(commit))}' (FORMAT parquet)`,
    );
    const id = BigInt(commit + 1);
    const partition = {
      topic,
      ...source,
      startOffset: 0n,
      position: BigInt(position),
      seq: BigInt(Math.ceil(position / recordsPerEntry)),
      committed: BigInt(position),
      quarantined: {},
      dropped: {},
      gaps: {},
    };
    put(
      join(table, ledgerKey(id)),
      encodeStored(ledger, {
        format: 1,
        id,
        previousId: commit === 0 ? null : BigInt(commit),
        attemptId: 'a',
        datasetId: '0b9e6d0e-6f0c-4c55-9a2b-5c8a1f4a7d11',
        dataset: 'd',
        datasetVersion: 1,
        schemaVersion: 1,
        createdAt: at,
        floodCheck: 'passed',
        partitions: [partition],
        quarantineSegments: [],
      }),
    );
    const metaData = {
      id: 'm',
      format: { provider: 'parquet', options: {} },
      schemaString: '{"type":"struct","fields":[]}',
      partitionColumns: [],
      configuration: {},
    };
    put(
      join(table, deltaCommitKey(BigInt(commit))),
      encodeCommit([
        ...(commit === 0 ? [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }, { metaData }] : []),
        { txn: { appId: positionAppId(source), version: BigInt(position) } },
        { txn: { appId: ledgerAppId, version: id } },
        {
          add: {
            path: dataFile(commit),
            partitionValues: {},
            size: statSync(join(table, dataFile(commit))).size,
            modificationTime: 1,
            dataChange: true,
            stats: JSON.stringify({ numRecords: position - from }),
          },
        },
      ]),
    );
  }
  connection.closeSync();
  instance.closeSync();
}
