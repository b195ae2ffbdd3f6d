import type { Bug } from './bug.ts';

const batchRun = 'services/phase2-transformer/src/loop/batch-run.ts';
const commitBatch = 'services/phase2-transformer/src/loop/commit-batch.ts';
const commitActions = 'services/phase2-transformer/src/plan/commit-actions.ts';
const tableHead = 'services/phase2-transformer/src/loop/table-head.ts';
const settle = 'services/phase2-transformer/src/plan/settle.ts';
const computeBatch = 'services/phase2-transformer/src/workers/compute-batch.ts';

const caughtBy = 'simulation:phase2';

/** Bugs of tables that the simulation of phase 2 catches. */
export const tableBugs: readonly Bug[] = [
  {
    name: 'txn-per-batch',
    story: 'A commit of several source partitions carries one txn, not one for each.',
    patches: [
      {
        file: commitActions,
        find: '...plan.partitions.map((partition) => ({ txn:',
        replace: '...plan.partitions.slice(0, 1).map((partition) => ({ txn:',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'ledger-head-not-checked',
    story: 'After a lost race the same ledger object is named again, over a head it does not know.',
    patches: [{ file: settle, find: "now.txns.get(ledgerAppId) === base.ledgerId ? 'same' : 'new'", replace: "'same'" }],
    caughtBy,
    withinSeconds: 90,
  },
  {
    name: 'positions-not-checked',
    story: 'After a lost race the batch is committed again, though the winner has moved its positions.',
    patches: [
      {
        file: settle,
        find: "if (moved.length > 0) return { do: 'drop', moved };",
        replace: "if (moved.length > 0) return { do: 'commit_again', ledger: 'same' };",
      },
    ],
    caughtBy,
    withinSeconds: 45,
  },
  {
    name: 'commits-of-others-taken-for-ours',
    story: 'Whatever stands at the version we wanted counts as our commit.',
    patches: [{ file: commitBatch, find: '(stored) => attemptOf(stored) === attemptId', replace: '() => true' }],
    caughtBy,
    withinSeconds: 45,
  },
  {
    name: 'commit-before-upload',
    story: 'The table commit is written while its data files are still on their way.',
    patches: [
      {
        file: batchRun,
        find: 'await deps.table.put(key, bytes, signal);',
        replace: 'void deps.table.put(key, bytes, signal).catch(() => {});',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'shared-file-names',
    story: 'Data files of two workers get one name.',
    patches: [{ file: batchRun, find: 'index, deps.random.ulid());', replace: "index, 'shared');" }],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'unknown-taken-for-failed',
    story: 'A commit without an answer counts as failed, and its files are taken away.',
    patches: [
      {
        file: 'services/core/src/stores/commit-decision.ts',
        find: "if (event.applied === 'refused' && !known.mayBeApplied)",
        replace: "if (event.applied !== 'no')",
      },
      {
        file: commitBatch,
        find: 'const outcome = await settled(deps, deltaCommitKey(version), encodeCommit(actions), ledger.attemptId, signal);',
        replace: `const outcome = await settled(deps, deltaCommitKey(version), encodeCommit(actions), ledger.attemptId, signal).catch(async (error) => {
      for (const { key } of batch.files) await deps.table.delete(key).catch(() => {});
      throw error;
    });`,
      },
    ],
    caughtBy,
    withinSeconds: 90,
  },
  {
    name: 'quarantine-pointer-one-line-off',
    story: 'Pointers of records set aside count lines from one.',
    patches: [
      {
        file: 'services/phase2-transformer/src/workers/quarantine-runs.ts',
        find: '      startLine: line,\n      endLine: line + 1,',
        replace: '      startLine: line + 1,\n      endLine: line + 2,',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'tombstone-counted-as-a-row',
    story: 'The ledger says that a tombstone was committed, and the table has no row of it.',
    patches: [
      {
        file: computeBatch,
        find: 'this.current.dropped.tombstone = (this.current.dropped.tombstone ?? 0) + 1;',
        replace: 'this.current.committed++;',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'position-past-unread-entries',
    story: 'The position moves to all that has landed, and what was not read yet becomes a gap.',
    patches: [
      {
        file: 'services/phase2-transformer/src/plan/batches.ts',
        find: '  return { take: takeFairly(pending, limits) };',
        replace: `  const take = takeFairly(pending, limits);
  for (const pieces of pending) {
    const last = take.findLast((piece) => pieces.includes(piece));
    const endOffset = pieces.at(-1)?.endOffset;
    if (last === undefined || last.endOffset === endOffset) continue;
    last.gaps = [...last.gaps, { startOffset: last.endOffset, endOffset, cause: 'not_delivered' }];
    last.endOffset = endOffset;
  }
  return { take };`,
      },
    ],
    caughtBy,
    withinSeconds: 90,
  },
  {
    name: 'gap-computed-not-read',
    story: 'What is covered and no record is called a gap that nobody delivered, whatever the chain says of it.',
    patches: [
      {
        file: 'services/phase2-transformer/src/plan/ledger-sums.ts',
        find: 'for (const gap of piece.gaps) gaps[gap.cause] = (gaps[gap.cause] ?? 0n) + gap.endOffset - gap.startOffset;',
        replace: 'for (const gap of piece.gaps) gaps.not_delivered = (gaps.not_delivered ?? 0n) + gap.endOffset - gap.startOffset;',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'removed-rows-overlooked',
    story: 'A commit goes on over a table that others have removed rows from.',
    patches: [
      {
        file: settle,
        find: 'checkProtocol(now.protocol, name) ?? checkForeign(winners, name);',
        replace: 'checkProtocol(now.protocol, name);',
      },
      { file: tableHead, find: 'if (removals.length === 0 && foreign.complete) return undefined;', replace: 'return undefined;' },
    ],
    caughtBy,
    withinSeconds: 90,
  },
];
