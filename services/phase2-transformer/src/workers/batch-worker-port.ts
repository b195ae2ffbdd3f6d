import type { BlockDecision } from '@millrace/core/domain/dataset.ts';
import type { QuarantinePointer } from '@millrace/core/domain/ledger.ts';
import type { TableSchema } from '@millrace/core/domain/table-schema.ts';
import type { Evidence, Position } from '../infer/evidence.ts';

/** One raw object of a batch. */
export type BatchObject = {
  /** key below MILLRACE_RAW_URL */
  rawObjectKey: string;
  topicId: string;
  partition: number;
  /** the stored, zstd-compressed bytes; copied, so the caller may hand over the same array again */
  bytes: Uint8Array;
  /** lower-case hex of the stored bytes, as the chain entry says */
  sha256: string;
  /** size of the lines before compression, as the chain entry says: bounds the decompression */
  linesBytes: number;
  /** `[startOffset, endOffset)`: records outside are not taken (R3: a position may lie inside an entry) */
  startOffset: bigint;
  endOffset: bigint;
};

/** A micro-batch of one dataset. */
export type BatchInput = {
  /** the table's current schema; `columns: []` before the table exists */
  schema: TableSchema;
  datasetName: string;
  topic: string;
  pkFields: string[];
  partitionKeys: string[];
  objects: BatchObject[];
  /** decisions in force (R7) */
  decisions: BlockDecision[];
  /** a data file is closed when the JSON text of its rows reaches this size, in characters; encoded it is a fraction of that */
  targetFileBytes: number;
  tablePartitionsPerCommitMax: number;
};

/** Offsets of one source partition that lie in a data file. */
export type FileSource = { topicId: string; partition: number; minOffset: bigint; maxOffset: bigint; records: number };

/** A finished Parquet file, to be uploaded under a name of the caller's. */
export type BuiltFile = {
  /** one entry per partition column, in Delta's text form (not escaped); null for null and for the empty string */
  partitionValues: Record<string, string | null>;
  bytes: Uint8Array;
  numRecords: number;
  /** Delta's `add.stats` JSON text */
  stats: string;
  sources: FileSource[];
};

/** What became of the records of one source partition. Counts are records, which are source offsets: gaps are not in them. */
export type SourceCounts = {
  topicId: string;
  partition: number;
  committed: number;
  /** reason → records */
  quarantined: Record<string, number>;
  /** rule → records; `tombstone` is the one rule */
  dropped: Record<string, number>;
};

/** A quarantine pointer without the versions, which the caller knows. endOffset − startOffset = records: a run never spans a gap. */
export type QuarantineRange = Omit<QuarantinePointer, 'datasetVersion' | 'schemaVersion'>;

export type BatchOutput =
  /** Every record has its place. `files` is empty when nothing was committed. */
  | { status: 'built'; files: BuiltFile[]; counts: SourceCounts[]; quarantine: QuarantineRange[] }
  /**
   * Records hold what the schema lacks or contradicts (always when `schema.columns` is empty, even without a record).
   * Nothing was built: `classifyChange` the evidence, and unless it is BREAKING build again with the new schema.
   */
  | { status: 'deviates'; evidence: Evidence }
  /** More table partitions than allowed in one commit: runaway partition keys. `first` is the record that was one too many. */
  | { status: 'too_many_table_partitions'; max: number; first: Position }
  /** A raw object is not what its chain entry says. */
  | { status: 'corrupt'; rawObjectKey: string; message: string };

/** How long a worker took over a batch, ms: in all, and of that in the encoder. */
export type BatchTimes = { computeMs: number; encodeMs: number };

/**
 * Turns batches into data files in worker threads. Pure for its caller: the same input gives the same rows, nothing is kept between calls.
 * Calls may overlap; they queue for the workers in order.
 */
export interface BatchCompute {
  /**
   * @returns with the worker's times, when it takes them
   * @param signal aborting ends the work at once (the worker is replaced) and rejects with kind `unavailable`, code `batch_aborted`
   * @throws kind `unavailable`, code `batch_worker_lost`, when the worker died (out of memory, crash) or passed its deadline: it was replaced, try again, with a smaller batch after an out-of-memory (`fields.outOfMemory`);
   *         kind `internal` when it failed on its own
   */
  build(input: BatchInput, signal?: AbortSignal): Promise<BatchOutput & { times?: BatchTimes }>;
  /** Ends the workers; work under way is rejected. Idempotent. */
  close(): Promise<void>;
}
