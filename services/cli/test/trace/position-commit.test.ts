import { encodeCommit } from '@millrace/core/delta/actions.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { findPositionCommit } from '../../src/trace/position-commit.ts';

const appId = 'millrace/topic/0';

/** A log of which each commit moves the position by so many offsets; null: it does not move this partition; the first `cleaned` commits are gone. */
async function log(moves: readonly (number | null)[], cleaned = 0): Promise<{ table: ObjectStore; positions: (number | undefined)[] }> {
  const table = memoryStore().store;
  let position = 0;
  const positions: (number | undefined)[] = [];
  for (const [version, move] of moves.entries()) {
    position += move ?? 0;
    positions.push(move === null ? undefined : position);
    if (version < cleaned) continue;
    const other = { txn: { appId: 'millrace/topic/1', version: 1_000_000n } };
    const own = move === null ? [] : [{ txn: { appId, version: BigInt(position) } }];
    const info = { commitInfo: { timestamp: version * 1000, txnId: `attempt-${version}` } };
    await table.put(deltaCommitKey(BigInt(version)), encodeCommit([info, other, ...own]));
  }
  return { table, positions };
}

test('the first commit beyond an offset is found, whichever commits move the partition', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 40 }),
      fc.nat(100),
      async (moves, offset) => {
        const { table, positions } = await log(moves);
        const expected = positions.findIndex((position) => position !== undefined && position > offset);
        const found = await findPositionCommit(table, appId, BigInt(offset), BigInt(moves.length - 1));
        expect(found).toEqual(
          expected < 0
            ? undefined
            : { version: BigInt(expected), exact: true, at: new Date(expected * 1000).toISOString(), attemptId: `attempt-${expected}` },
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('where older commits were cleaned away, the first that is left may not be the one', async () => {
  const { table } = await log([1, 1, 1, 1, 1, 1], 3);
  expect(await findPositionCommit(table, appId, 0n, 5n)).toMatchObject({ version: 3n, exact: false });
  expect(await findPositionCommit(table, appId, 3n, 5n)).toMatchObject({ version: 3n, exact: false });
  expect(await findPositionCommit(table, appId, 4n, 5n)).toMatchObject({ version: 4n, exact: true });
});
