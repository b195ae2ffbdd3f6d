import type { BlockDecision } from '@millrace/core/domain/dataset.ts';
import type { SeenKind } from '../infer/evidence.ts';

/** Whether a value of this kind at this path of this record is to be set aside (R7). */
export type Covered = (path: string, kind: SeenKind) => boolean;

type Range = { startOffset: bigint; endOffset: bigint; changes: ReadonlySet<string> };

/** Decisions of a person as they bear on one source partition. */
export class DecisionCover {
  private readonly ranges: Range[];

  constructor(decisions: readonly BlockDecision[], sourceKey: string) {
    this.ranges = decisions.flatMap((decision) => {
      const range = decision.ranges[sourceKey];
      if (range === undefined) return [];
      const changes = new Set(decision.changes.flatMap(({ path, types }) => types.map((type) => changeKey(path, type))));
      return [{ startOffset: BigInt(range.startOffset), endOffset: BigInt(range.endOffset), changes }];
    });
  }

  /** What decisions say of the record at an offset; undefined when none reaches it. Pure. */
  at(offset: bigint): Covered | undefined {
    const reaching = this.ranges.filter((range) => range.startOffset <= offset && offset < range.endOffset);
    if (reaching.length === 0) return undefined;
    return (path, kind) => reaching.some(({ changes }) => changes.has(changeKey(path, kind)));
  }
}

const changeKey = (path: string, type: string) => `${type} ${path}`;
