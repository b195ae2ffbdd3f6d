import type { Ledger, PartitionLedger } from '@millrace/core/domain/ledger.ts';
import { ledgerTotals } from './ledger-sums.ts';

/** Committed + quarantined records at which the flood check happens. */
export const floodCheckRecords = 10_000n;

/**
 * Exact rule R8: once, before the commit that takes committed + quarantined to 10,000 or more, a table of which more than half is quarantined is
 * stopped: it is probably fed the wrong topic. A resume waives it, and that is written in the ledger. Pure.
 * @param waived a person resumed after this very check had stopped the table
 */
export function checkFlood(
  before: Ledger['floodCheck'],
  after: readonly PartitionLedger[],
  waived: boolean,
): { floodCheck: Ledger['floodCheck'] } | { blocked: { quarantined: bigint; of: bigint } } {
  if (before !== 'pending') return { floodCheck: before };
  const { committed, quarantined } = ledgerTotals(after);
  const of = committed + quarantined;
  if (of < floodCheckRecords) return { floodCheck: 'pending' };
  if (quarantined * 2n <= of) return { floodCheck: 'passed' };
  return waived ? { floodCheck: 'waived' } : { blocked: { quarantined, of } };
}
