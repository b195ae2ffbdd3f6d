import type { DeltaAction } from '@millrace/core/delta/actions.ts';
import { applyCommit, type DeltaCommit, type TableState } from '@millrace/core/delta/snapshot.ts';
import { describe, expect, it } from 'vitest';
import { type CommitBase, settle } from '../../src/plan/settle.ts';

const before: TableState = {
  version: 4n,
  protocol: { minReaderVersion: 1, minWriterVersion: 2 },
  metadata: { id: 'i', format: { provider: 'parquet', options: {} }, schemaString: '{}', partitionColumns: [], configuration: {} },
  txns: new Map([
    ['millrace/t/0', 10n],
    ['millrace/ledger', 42n],
  ]),
  checkpointVersion: -1n,
};
/** A batch over partition 0 at 10 and partition 1, which has no position yet. */
const base: CommitBase = {
  version: 4n,
  ledgerId: 42n,
  positions: new Map<string, bigint | undefined>([
    ['millrace/t/0', 10n],
    ['millrace/t/1', undefined],
  ]),
};
const txn = (appId: string, version: bigint): DeltaAction => ({ txn: { appId, version } });
const operation = (name: string): DeltaAction => ({ commitInfo: { operation: name } });
const remove = (dataChange: boolean): DeltaAction => ({ remove: { path: 'part-0', dataChange } });

function settled(...commits: DeltaAction[][]) {
  const winners: DeltaCommit[] = commits.map((actions, index) => ({ version: BigInt(5 + index), actions }));
  return settle(base, winners.reduce(applyCommit, before), winners, 'orders');
}

describe('R4 after a lost version', () => {
  it('R4 positions moved: drop', () => {
    expect(settled([txn('millrace/t/0', 20n), txn('millrace/ledger', 43n)])).toEqual({ do: 'drop', moved: ['millrace/t/0'] });
    expect(settled([txn('millrace/t/1', 5n), txn('millrace/ledger', 43n)])).toEqual({ do: 'drop', moved: ['millrace/t/1'] });
  });

  it('R4 positions same and head moved: a new ledger id over the new head', () => {
    expect(settled([txn('millrace/t/9', 5n), txn('millrace/ledger', 43n)])).toEqual({ do: 'commit_again', ledger: 'new' });
  });

  it('R4 head same: the same ledger id again', () => {
    expect(settled([operation('OPTIMIZE'), remove(false)])).toEqual({ do: 'commit_again', ledger: 'same' });
    expect(settled([operation('WRITE')], [operation('SET TBLPROPERTIES')])).toEqual({ do: 'commit_again', ledger: 'same' });
  });

  it('R4 a position that moved is seen even when the same commit did more', () => {
    expect(settled([txn('millrace/t/0', 20n), remove(true), { protocol: { minReaderVersion: 3, minWriterVersion: 7 } }])).toMatchObject({
      do: 'drop',
    });
  });

  it('new metadata: the batch is planned again over the new table', () => {
    expect(settled([{ metaData: { ...before.metadata, schemaString: '{"x":1}' } }])).toMatchObject({ do: 'plan_again' });
  });

  it('a foreign protocol blocks and says what happened', () => {
    const protocol = { minReaderVersion: 3, minWriterVersion: 7, readerFeatures: ['deletionVectors'], writerFeatures: ['deletionVectors'] };
    expect(settled([{ protocol }])).toMatchObject({
      do: 'block',
      block: { code: 'foreign_protocol', reason: expect.stringContaining('deletionVectors') },
    });
  });

  it('rows removed by others block and say by what and where', () => {
    const reason = expect.stringContaining('version 5 (RESTORE) removed 1 data files');
    expect(settled([operation('RESTORE'), remove(true)])).toMatchObject({ do: 'block', block: { code: 'rows_removed', reason } });
  });

  it('rows replaced by our own commits do not', () => {
    expect(settled([txn('millrace/ledger', 43n), remove(true)])).toEqual({ do: 'commit_again', ledger: 'new' });
  });
});
