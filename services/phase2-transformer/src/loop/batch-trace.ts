import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { WorkTrace } from '@millrace/core/ports/tracer.ts';
import type { Stages } from '@millrace/core/work/stages.ts';
import { rangeTexts } from '../plan/batches.ts';
import { pieceBytes, pieceRecords } from '../plan/pieces.ts';
import type { BatchPlan } from './batch-run.ts';
import type { BatchEnding } from './commit-batch.ts';

/** Source partitions named in one trace. */
const rangesMax = 100;

/** What a trace says of a batch that has ended, however it did. Pure but for the time of its end. @param ending an error, when the batch was thrown out of its work */
export function batchTrace({ dataset, pieces }: BatchPlan, stages: Stages, ending: BatchEnding | Error): WorkTrace {
  const committed = 'status' in ending && ending.status === 'committed' ? ending : undefined;
  const ranges = rangeTexts(pieces);
  return {
    name: 'batch',
    attemptId: committed?.attemptId,
    startMs: stages.startMs,
    endMs: stages.now(),
    stages: stages.times(),
    attributes: {
      'millrace.dataset': dataset.name,
      'millrace.topic': dataset.kafkaTopic,
      'millrace.ranges': ranges.slice(0, rangesMax),
      'millrace.partitions': ranges.length,
      'millrace.records': pieces.reduce((sum, piece) => sum + pieceRecords(piece), 0),
      'millrace.bytes': pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0),
      'millrace.result': 'status' in ending ? ending.status : 'failed',
      ...(committed === undefined
        ? {}
        : { 'millrace.table_version': committed.version.toString(), 'millrace.attempt_id': committed.attemptId }),
    },
    publications: [...new Set(pieces.flatMap(({ publication }) => publication ?? []))],
    failure: failureOf(ending),
  };
}

/** In a word why; the log says more. Codes, because the words of a block or an error may quote a record. Pure. */
function failureOf(ending: BatchEnding | Error): string | undefined {
  if (!('status' in ending)) return ending instanceof MillraceError ? ending.code : ending.name;
  if (ending.status === 'blocked') return `blocked: ${ending.block.code}`;
  if (ending.status === 'dropped') return 'another worker committed these offsets first';
  return ending.status === 'plan_again' ? ending.why : undefined;
}
