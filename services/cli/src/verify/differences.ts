import type { OffsetRange } from '@millrace/core/domain/offsets.ts';

/** Something that is not as the law says. `range` is half-open source offsets, exact; null where it is not about offsets. */
export type Difference = {
  /** stable word, e.g. `missing_row`, `raw_object_changed` */
  code: string;
  topicId: string | null;
  partition: number | null;
  range: OffsetRange | null;
  /** what was expected and what was found, with the keys that hold it */
  detail: string;
};

/** Differences kept with their ranges; beyond this many only counted, so that a table that is all wrong cannot fill the memory. */
export const differencesKeptMax = 10_000;

/** Collects differences. Neighbouring ranges of the same code, partition and detail are joined. */
export class Differences {
  readonly kept: Difference[] = [];
  /** how many there were, joined ones counted once */
  count = 0;

  add(difference: Difference): void {
    const last = this.kept.at(-1);
    if (
      last !== undefined &&
      last.range !== null &&
      difference.range !== null &&
      last.range.endOffset === difference.range.startOffset &&
      last.code === difference.code &&
      last.partition === difference.partition &&
      last.topicId === difference.topicId &&
      last.detail === difference.detail
    ) {
      last.range = { startOffset: last.range.startOffset, endOffset: difference.range.endOffset };
      return;
    }
    this.count++;
    if (this.kept.length < differencesKeptMax) this.kept.push({ ...difference });
  }
}
