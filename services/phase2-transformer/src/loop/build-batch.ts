import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { TableSchema } from '@millrace/core/domain/table-schema.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { mapBounded } from '@millrace/core/work/map-bounded.ts';
import type { Stages } from '@millrace/core/work/stages.ts';
import { classifyChange } from '../infer/classify-change.ts';
import type { SchemaChange } from '../infer/schema-change.ts';
import type { ChainPiece } from '../plan/pieces.ts';
import type { BatchCompute, BatchObject, BatchOutput, BatchTimes } from '../workers/batch-worker-port.ts';

/** Settings of a batch's files. Bytes; distinct table partitions. */
export type BuildLimits = { targetFileBytes: number; tablePartitionsPerCommitMax: number };

/** A batch as rows in files, or why it cannot be. `change.kind` is never BREAKING in `built`. */
export type BuiltBatch =
  | { status: 'built'; output: Extract<BatchOutput, { status: 'built' }>; schema: TableSchema; change: SchemaChange }
  | { status: 'breaking'; change: SchemaChange }
  | { status: 'too_many_table_partitions'; max: number; first: { topicId: string; partition: number; offset: bigint } };

/** Raw objects read at a time, of one batch. */
const readsMax = 8;
/** A schema settles in one round; a second would be a contradiction inside. */
const buildRoundsMax = 4;

const emptySchema: TableSchema = { columns: [], partitionColumns: [], undecided: [], maxFieldId: 0 };

/**
 * Reads the raw objects of a batch and builds its data files under the schema they need.
 * @param schema the table's; undefined before it exists
 * @param stages gets `read`, `infer` for each round over records that the schema did not fit, `decode` and `encode`
 * @throws kind `corrupt`, code `raw_object_missing` or `raw_object_differs`, with the key
 */
export async function buildBatch(
  deps: { raw: ObjectStore; compute: BatchCompute },
  dataset: Dataset,
  schema: TableSchema | undefined,
  pieces: readonly ChainPiece[],
  limits: BuildLimits,
  signal: AbortSignal,
  stages: Stages,
): Promise<BuiltBatch> {
  const haveRead = stages.begin('read');
  const objects = await readObjects(deps.raw, pieces, signal);
  haveRead();
  let current = schema ?? emptySchema;
  let change: SchemaChange = { kind: 'NONE', newSchema: current, diff: [] };
  for (let round = 0; round < buildRoundsMax; round++) {
    const output = await deps.compute.build(
      {
        schema: current,
        datasetName: dataset.name,
        topic: dataset.kafkaTopic,
        pkFields: dataset.pkFields,
        partitionKeys: dataset.partitionKeys,
        objects,
        decisions: dataset.decisions,
        ...limits,
      },
      signal,
    );
    if (output.status !== 'deviates') addComputed(stages, output.times);
    if (output.status === 'built') return { status: 'built', output, schema: current, change };
    if (output.status === 'too_many_table_partitions') return { status: 'too_many_table_partitions', max: output.max, first: output.first };
    if (output.status === 'corrupt')
      throw new MillraceError(
        'corrupt',
        'raw_object_differs',
        `raw object ${deps.raw.url}/${output.rawObjectKey} is not what its chain entry says: ${output.message}`,
        { key: output.rawObjectKey },
      );
    const inferFrom = stages.now() - (output.times?.computeMs ?? 0);
    const next = classifyChange(current, output.evidence, dataset.partitionKeys);
    stages.add('infer', inferFrom, stages.now());
    if (next.kind === 'BREAKING') return { status: 'breaking', change: next };
    change = { kind: change.kind === 'INITIAL' ? 'INITIAL' : next.kind, newSchema: next.newSchema, diff: [...change.diff, ...next.diff] };
    current = next.newSchema;
  }
  throw new MillraceError(
    'internal',
    'schema_does_not_settle',
    `the schema of ${dataset.name} still changes after ${buildRoundsMax} rounds over one batch`,
  );
}

/** A worker's time as stages that end now. Decoding and encoding may take turns there: each is as long as it took in all, one behind the other. */
function addComputed(stages: Stages, times: BatchTimes | undefined): void {
  if (times === undefined) return;
  const end = stages.now();
  const encodeFrom = end - times.encodeMs;
  stages.add('decode', end - times.computeMs, encodeFrom);
  stages.add('encode', encodeFrom, end);
}

async function readObjects(raw: ObjectStore, pieces: readonly ChainPiece[], signal: AbortSignal): Promise<BatchObject[]> {
  const withObject = pieces.filter((piece) => piece.object !== undefined);
  return mapBounded(withObject, readsMax, async ({ source, startOffset, endOffset, object, seq }) => {
    if (object === undefined) throw new MillraceError('internal', 'piece_without_object', 'a piece without an object was to be read');
    const bytes = await raw.get(object.key, { signal });
    if (bytes === undefined)
      throw new MillraceError(
        'corrupt',
        'raw_object_missing',
        `raw object ${raw.url}/${object.key} is not there; entry ${seq} of the chain ${source.topicId}/${source.partition} names it for offsets [${object.startOffset}, ${object.endOffset})`,
        { key: object.key },
      );
    return { rawObjectKey: object.key, ...source, bytes, sha256: object.sha256, linesBytes: object.linesBytes, startOffset, endOffset };
  });
}
