import type { CommitResult } from '@millrace/core/adapters/admin/worker-metrics.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import type { SchemaVersionRecord } from '@millrace/core/domain/reports.ts';
import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { Tracer } from '@millrace/core/ports/tracer.ts';
import { mapBounded } from '@millrace/core/work/map-bounded.ts';
import { Stages } from '@millrace/core/work/stages.ts';
import type { TableFacts } from '../formats/delta/metadata.ts';
import type { SchemaChange } from '../infer/schema-change.ts';
import type { Block } from '../plan/block.ts';
import { breakingBlock, tablePartitionsBlock } from '../plan/blocks.ts';
import { dataFileKey, type UploadedFile } from '../plan/commit-actions.ts';
import type { PartitionStart } from '../plan/ledger-sums.ts';
import type { ChainPiece } from '../plan/pieces.ts';
import type { BatchCompute, BuiltFile } from '../workers/batch-worker-port.ts';
import { batchTrace } from './batch-trace.ts';
import { type BuildLimits, type BuiltBatch, buildBatch } from './build-batch.ts';
import { type BatchEnding, commitBatch } from './commit-batch.ts';
import type { TransformerMetrics } from './metrics.ts';
import { writeSegments } from './quarantine-segments.ts';
import { schemaRecord } from './schema-record.ts';
import type { HeadDeps, TableHead } from './table-head.ts';

export type BatchDeps = HeadDeps & {
  raw: ObjectStore;
  compute: BatchCompute;
  clock: Clock;
  random: Random;
  /** is told of each batch; without one nothing is traced */
  tracer?: Tracer | undefined;
  /** counts; without one nothing is counted */
  meter?: Pick<TransformerMetrics, 'stage' | 'uploaded' | 'orphaned' | 'settled'> | undefined;
};

/** One micro-batch of one dataset, planned over `head`. */
export type BatchPlan = {
  dataset: Dataset;
  head: TableHead;
  pieces: readonly ChainPiece[];
  starts: ReadonlyMap<string, PartitionStart>;
  limits: BuildLimits;
  /** highest number given to a schema version, blocked ones included */
  highestSchemaVersion: number;
  floodWaived: boolean;
};

/** `fileBytes`: of the data files it uploaded. */
export type BatchResult = { ending: BatchEnding; schemaRecord: SchemaVersionRecord | undefined; fileBytes: number };

/** Bytes a batch has stored so far. */
type Stored = { bytes: number };

/** Data files uploaded at a time, of one batch. */
const uploadsMax = 4;

/**
 * Builds, uploads and commits one batch. Until its last step nothing of it shows; if it stops on any line, what was uploaded is an orphan nobody names.
 * @param buildSignal ends reading and building
 * @param commitSignal ends uploading and the commit
 * @throws as `buildBatch` and `commitBatch`
 */
export async function runBatch(
  deps: BatchDeps,
  plan: BatchPlan,
  buildSignal: AbortSignal,
  commitSignal: AbortSignal,
): Promise<BatchResult> {
  const stages = new Stages(deps.clock, deps.meter?.stage);
  const stored: Stored = { bytes: 0 };
  try {
    const result = await buildAndCommit(deps, plan, buildSignal, commitSignal, stages, stored);
    deps.tracer?.record(batchTrace(plan, stages, result.ending));
    if (result.ending.status !== 'committed') deps.meter?.orphaned(stored.bytes);
    return result;
  } catch (error) {
    deps.tracer?.record(batchTrace(plan, stages, error as Error));
    // an outcome that is not known may be a commit that names them
    if (!isKind(error, 'unavailable') || error.fields.outcome !== 'unknown') deps.meter?.orphaned(stored.bytes);
    throw error;
  }
}

async function buildAndCommit(
  deps: BatchDeps,
  plan: BatchPlan,
  buildSignal: AbortSignal,
  commitSignal: AbortSignal,
  stages: Stages,
  stored: Stored,
): Promise<BatchResult> {
  const { dataset, head, pieces } = plan;
  const built = await buildBatch(deps, dataset, head.facts?.schema, pieces, plan.limits, buildSignal, stages);
  if (built.status === 'breaking') return blockedBySchema(deps, plan, built.change);
  if (built.status === 'too_many_table_partitions')
    return {
      ending: { status: 'blocked', block: tablePartitionsBlock(built.max, built.first, dataset.partitionKeys, dataset.name) },
      schemaRecord: undefined,
      fileBytes: 0,
    };
  const { facts, version } = factsOf(plan, built);
  const uploaded = stages.begin('upload');
  const files = await uploadFiles(deps, facts.schema.partitionColumns, built.output.files, commitSignal, stored);
  const segments = await writeSegments(
    deps,
    built.output.quarantine.map((range) => ({ ...range, datasetVersion: dataset.version, schemaVersion: facts.schemaVersion })),
  );
  for (const { bytes } of segments) stored.bytes += bytes;
  uploaded();
  const settled = stages.begin('commit');
  const from = deps.clock.monotonic();
  const ending = await commitBatch(
    deps,
    dataset,
    head,
    { pieces, starts: plan.starts, counts: built.output.counts, files, segments, facts, floodWaived: plan.floodWaived },
    commitSignal,
  );
  if (ending.status === 'committed') settled();
  const counted = resultOf(ending);
  if (counted !== undefined) deps.meter?.settled(dataset.name, counted, (deps.clock.monotonic() - from) / 1000);
  const isNew = ending.status === 'committed' && version !== undefined;
  return {
    ending,
    schemaRecord: isNew ? schemaRecord(version, 'ACTIVE', built.change, pieces, null, deps.clock.now()) : undefined,
    fileBytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** How metrics name an ending; undefined for a block: no commit was tried, or what was found there is a person's matter. Pure. */
function resultOf(ending: BatchEnding): CommitResult | undefined {
  if (ending.status === 'committed') return ending.wasUnknown ? 'unknown_resolved' : 'committed';
  if (ending.status === 'dropped') return 'fenced';
  return ending.status === 'plan_again' ? 'conflicted' : undefined;
}

function blockedBySchema(deps: BatchDeps, plan: BatchPlan, change: SchemaChange): BatchResult {
  const version = plan.highestSchemaVersion + 1;
  const block: Block = breakingBlock(change.diff, version, plan.dataset.name);
  return {
    ending: { status: 'blocked', block },
    schemaRecord: schemaRecord(version, 'BLOCKED', change, plan.pieces, block.reason, deps.clock.now()),
    fileBytes: 0,
  };
}

/** The table's facts after this batch; `version` is set when the schema is a new one. */
function factsOf(plan: BatchPlan, built: Extract<BuiltBatch, { status: 'built' }>): { facts: TableFacts; version: number | undefined } {
  const { dataset, head } = plan;
  if (built.change.kind === 'NONE' && head.facts !== undefined)
    return { facts: { ...head.facts, highestSchemaVersion: plan.highestSchemaVersion }, version: undefined };
  const version = plan.highestSchemaVersion + 1;
  return {
    version,
    facts: {
      schema: built.schema,
      schemaVersion: version,
      highestSchemaVersion: version,
      topic: dataset.kafkaTopic,
      mode: dataset.mode,
      partitionKeys: dataset.partitionKeys,
    },
  };
}

/** Uploads data files under names nobody else can produce, each awaited: no commit may overlap an upload. */
async function uploadFiles(
  deps: BatchDeps,
  partitionColumns: readonly string[],
  files: readonly BuiltFile[],
  signal: AbortSignal,
  stored: Stored,
): Promise<UploadedFile[]> {
  return mapBounded(files, uploadsMax, async ({ bytes, ...file }, index) => {
    const key = dataFileKey(partitionColumns, file.partitionValues, index, deps.random.ulid());
    await deps.table.put(key, bytes, signal);
    stored.bytes += bytes.byteLength;
    deps.meter?.uploaded(bytes.byteLength);
    return { key, file, bytes: bytes.byteLength, uploadedAt: deps.clock.now() };
  });
}
