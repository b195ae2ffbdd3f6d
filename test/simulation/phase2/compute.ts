import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { ColumnBuffer } from '@millrace/phase2-transformer/columns/column-buffer.ts';
import type { ParquetEncoder } from '@millrace/phase2-transformer/formats/parquet/parquet-encoder.ts';
import type { BatchCompute } from '@millrace/phase2-transformer/workers/batch-worker-port.ts';
import { computeBatch } from '@millrace/phase2-transformer/workers/compute-batch.ts';
import type { Prng } from '../engine/prng.ts';
import type { SimProcess } from '../engine/process.ts';

/** A row of a data file: `<topicId>/<partition>@<offset>`. */
export type RowName = string;

export const rowName = (sourceKey: string, offset: bigint): RowName => `${sourceKey}@${offset}`;

/** Data files of the simulation: what the real worker would encode as Parquet is written as the list of its rows' sources. */
const listingEncoder: ParquetEncoder = {
  encode: (columns, rows) => encodeRows(Array.from({ length: rows }, (_, row) => nameOf(columns, row))),
  heldBytes: () => 0,
};

export const encodeRows = (rows: readonly RowName[]) => new TextEncoder().encode(rows.join('\n'));
export const decodeRows = (bytes: Uint8Array): RowName[] => new TextDecoder().decode(bytes).split('\n');

function nameOf(columns: readonly ColumnBuffer[], row: number): RowName {
  let topicId = '';
  let partition = -1;
  let offset = -1n;
  for (const { name, values } of columns)
    if (name === '_source_topic_id' && values.layout === 'text')
      topicId = new TextDecoder().decode(values.bytes.subarray(values.offsets[row], values.offsets[row + 1]));
    else if (name === '_source_partition' && values.layout === 'int32') partition = values.words[row] ?? -1;
    else if (name === '_source_offset' && values.layout === 'int64')
      offset = (BigInt(values.words[2 * row + 1] ?? 0) << 32n) | BigInt((values.words[2 * row] ?? 0) >>> 0);
  return rowName(`${topicId}/${partition}`, offset);
}

/** How building goes: how long it takes, and whether the worker dies of it. */
export type ComputeFaults = { ms: { min: number; max: number }; lost: number };

/** The real worker's code, in this thread: it takes some virtual time, and now and then it dies. `built` is told of every finished batch. */
export function inlineCompute(process: SimProcess, prng: Prng, faults: ComputeFaults, built: (files: number) => void): BatchCompute {
  return {
    build: async (input, signal) => {
      await process.clock.sleep(prng.int(faults.ms.min, faults.ms.max + 1), signal);
      if (signal?.aborted) throw new MillraceError('unavailable', 'batch_aborted', 'aborted');
      if (prng.chance(faults.lost))
        throw new MillraceError('unavailable', 'batch_worker_lost', 'the worker died', { outOfMemory: prng.chance(0.5) });
      const output = computeBatch(input, listingEncoder);
      if (output.status === 'built') built(output.files.length);
      return output;
    },
    close: async () => {},
  };
}
