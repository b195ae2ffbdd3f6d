import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import { type RecordKind, recordFates, type SimChain } from './chains.ts';

/** The ledger's sums of one partition, counted by the simulation from what is true of each offset. */
export type Recount = {
  startOffset: bigint;
  position: bigint;
  committed: bigint;
  quarantined: Record<string, bigint>;
  dropped: Record<string, bigint>;
  gaps: Record<string, bigint>;
};

/** The same sums as a ledger has them. */
type Sums = Pick<PartitionLedger, 'startOffset' | 'position' | 'committed' | 'quarantined' | 'dropped' | 'gaps'>;

export const emptyRecount = (startOffset: bigint): Recount => ({
  startOffset,
  position: startOffset,
  committed: 0n,
  quarantined: {},
  dropped: {},
  gaps: {},
});

/** The recount moved on to `position`, and the records in between. Pure. */
export function recountOn(
  chain: SimChain,
  before: Recount,
  position: bigint,
): { after: Recount; records: { offset: bigint; kind: RecordKind }[] } {
  const after = { ...before, position, quarantined: { ...before.quarantined }, dropped: { ...before.dropped }, gaps: { ...before.gaps } };
  const records: { offset: bigint; kind: RecordKind }[] = [];
  for (let offset = before.position; offset < position; offset++) {
    const truth = chain.at(offset);
    if (truth === undefined) continue;
    if (!(truth in recordFates)) {
      after.gaps[truth] = (after.gaps[truth] ?? 0n) + 1n;
      continue;
    }
    const kind = truth as RecordKind;
    const fate = recordFates[kind];
    records.push({ offset, kind });
    if ('row' in fate) after.committed++;
    else if ('dropped' in fate) after.dropped[fate.dropped] = (after.dropped[fate.dropped] ?? 0n) + 1n;
    else after.quarantined[fate.quarantine] = (after.quarantined[fate.quarantine] ?? 0n) + 1n;
  }
  return { after, records };
}

/** The sums as one text, for comparing and for people. Pure. */
export function recountText({ startOffset, position, committed, quarantined, dropped, gaps }: Sums): string {
  const part = (counts: Sums['gaps']) =>
    Object.entries(counts)
      .filter(([, count = 0n]) => count > 0n)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  return `[${startOffset}, ${position}): ${committed} committed; ${part(quarantined)}; ${part(dropped)}; ${part(gaps)}`;
}
