import type { AddFile, DeltaAction, DeltaMetadata } from '@millrace/core/delta/actions.ts';
import { encodePath, safeSegment } from '@millrace/core/delta/paths.ts';
import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId, positionAppId } from '@millrace/core/domain/source.ts';
import type { BuiltFile } from '../workers/batch-worker-port.ts';
import { sourcesTag } from './settle.ts';

/** A data file that lies in the store under a name nobody else can produce. `key` is below the table root. */
export type UploadedFile = { key: string; file: Omit<BuiltFile, 'bytes'>; bytes: number; uploadedAt: number };

/** All partition folders of a data file together, bytes (all is ASCII): a key has at most 1,024, and the table's own folder needs its share. Longer ones are cut alike. */
const folderBytesMax = 512;

/** Folder and name of a data file. The folder is for people, the truth is in `partitionValues`; only `[A-Za-z0-9._-]` keeps escapes out of paths. Pure. */
export function dataFileKey(
  partitionColumns: readonly string[],
  partitionValues: Readonly<Record<string, string | null>>,
  index: number,
  ulid: string,
): string {
  const pairs = partitionColumns.map((column) => [
    safeFolder(column),
    safeSegment(partitionValues[column] ?? '__HIVE_DEFAULT_PARTITION__'),
  ]);
  const isLong = pairs.reduce((bytes, [column = '', value = '']) => bytes + column.length + value.length + 2, 0) > folderBytesMax;
  const partMax = isLong ? Math.floor((folderBytesMax / pairs.length - 2) / 2) : folderBytesMax;
  const folders = pairs.map((pair) => `${pair.map((text) => text.slice(0, partMax)).join('=')}/`);
  return `${folders.join('')}part-${String(index).padStart(5, '0')}-${ulid}.c000.zstd.parquet`;
}

/** Readers hide folders that begin with `_` or `.`, unless a `=` follows as here; others do not know that exception. */
const safeFolder = (column: string) => safeSegment(column).replace(/^[_.]+/, (hidden) => 'x'.repeat(hidden.length));

/** What a table commit says. `now` in ms since 1970. */
export type CommitPlan = {
  attemptId: string;
  datasetId: string;
  /** version it reads; −1 creates the table */
  readVersion: bigint;
  /** only with the first commit, or when columns, undecided fields or our facts changed */
  metadata: DeltaMetadata | undefined;
  /** positions that move */
  partitions: readonly PartitionLedger[];
  ledgerId: bigint;
  files: readonly UploadedFile[];
  now: number;
};

const engineInfo = 'Millrace/0.1';

/**
 * Actions of one commit, `commitInfo` first. Version 0 brings protocol and metaData in the same commit as the first rows, so that a table appears with them. Pure.
 * @see Delta protocol, "Actions"; formats: delta sections 7, 8 and 18
 */
export function planActions(plan: CommitPlan): DeltaAction[] {
  const { files, now } = plan;
  const creates = plan.readVersion < 0n;
  return [
    {
      commitInfo: {
        timestamp: now,
        operation: 'STREAMING UPDATE',
        operationParameters: { outputMode: 'Append', queryId: plan.datasetId, epochId: (plan.readVersion + 1n).toString() },
        ...(creates ? {} : { readVersion: Number(plan.readVersion) }),
        isolationLevel: 'WriteSerializable',
        isBlindAppend: true,
        operationMetrics: {
          numAddedFiles: String(files.length),
          numRemovedFiles: '0',
          numOutputRows: String(files.reduce((rows, { file }) => rows + file.numRecords, 0)),
          numOutputBytes: String(files.reduce((bytes, file) => bytes + file.bytes, 0)),
        },
        engineInfo,
        txnId: plan.attemptId,
      },
    },
    ...(creates ? [{ protocol: { minReaderVersion: 1, minWriterVersion: 2 } }] : []),
    ...(plan.metadata === undefined ? [] : [{ metaData: plan.metadata }]),
    ...plan.partitions.map((partition) => ({ txn: { appId: positionAppId(partition), version: partition.position, lastUpdated: now } })),
    { txn: { appId: ledgerAppId, version: plan.ledgerId, lastUpdated: now } },
    ...files.map((file) => ({ add: addFile(file) })),
  ];
}

function addFile({ key, file, bytes, uploadedAt }: UploadedFile): AddFile {
  return {
    path: encodePath(key),
    partitionValues: file.partitionValues,
    size: bytes,
    modificationTime: uploadedAt,
    dataChange: true,
    stats: file.stats,
    tags: {
      [sourcesTag]: JSON.stringify(
        file.sources.map((source) => [
          source.topicId,
          source.partition,
          source.minOffset.toString(),
          source.maxOffset.toString(),
          source.records,
        ]),
      ),
    },
  };
}
