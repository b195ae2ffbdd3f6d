import type { DataError } from '../infer/data-errors.ts';
import type { QuarantineRange } from './batch-worker-port.ts';

/** Gathers records that are set aside into runs of neighbours with one reason: lines and offsets must both follow on. */
export class QuarantineRuns {
  readonly ranges: QuarantineRange[] = [];

  /** Records of one raw object come in the order of its lines. */
  add(rawObject: string, topicId: string, partition: number, line: number, offset: bigint, stage: string, error: DataError): void {
    const last = this.ranges.at(-1);
    if (
      last !== undefined &&
      last.rawObject === rawObject &&
      last.endLine === line &&
      last.endOffset === offset &&
      last.reason === error.reason &&
      last.stage === stage
    ) {
      last.endLine = line + 1;
      last.endOffset = offset + 1n;
      last.records++;
      return;
    }
    this.ranges.push({
      rawObject,
      topicId,
      partition,
      startLine: line,
      endLine: line + 1,
      startOffset: offset,
      endOffset: offset + 1n,
      records: 1,
      stage,
      reason: error.reason,
      detail: error.detail,
    });
  }
}
