import type { DeltaAction } from '@millrace/core/delta/actions.ts';
import { ledgerAppId } from '@millrace/core/domain/source.ts';
import { describe, expect, it } from 'vitest';
import { OthersRows } from '../../src/plan/others-rows.ts';

const add = (path: string, rows: number, dataChange = true): DeltaAction => ({
  add: { path, partitionValues: {}, size: 1, modificationTime: 0, dataChange, stats: `{"numRecords":${rows}}` },
});
const remove = (path: string, dataChange = true): DeltaAction => ({ remove: { path, dataChange } });
const ours: DeltaAction = { txn: { appId: ledgerAppId, version: 1n } };

/** Rows of others per path after these commits. */
function after(...commits: DeltaAction[][]) {
  const others = new OthersRows();
  for (const [version, actions] of commits.entries()) others.take({ version: BigInt(version), actions });
  return (path: string) => Number(others.of(path));
}

describe('rows that others have written into a table', () => {
  it('are those they appended; ours are none of them, and neither is what comes back', () => {
    const of = after([ours, add('a', 5)], [add('theirs', 6)], [remove('a')], [add('a', 5)]);
    expect([of('a'), of('theirs')]).toEqual([0, 6]);
  });

  it('go along when files are rewritten', () => {
    const of = after([ours, add('a', 5)], [add('b', 6)], [remove('a', false), remove('b', false), add('c', 11, false)]);
    expect([of('a'), of('b'), of('c')]).toEqual([0, 0, 6]);
  });

  it('are as many as before when a restore takes their file out and puts it back', () => {
    const of = after([ours, add('a', 5)], [add('b', 6)], [remove('b'), remove('a')], [add('b', 6), add('a', 5)]);
    expect([of('a'), of('b')]).toEqual([0, 6]);
  });
});
