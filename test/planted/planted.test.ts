import { describe, expect, test } from 'vitest';
import { bugs } from './bugs.ts';
import { simulateWith } from './simulation-catcher.ts';

/*
 * Is the simulation blind? A few planted bugs that it meets within its first seeds; `npm run chaos:sensitivity` plants all of them.
 */

const seeds = 20;
const withinMs = 120_000;

const quick = [
  'entry-before-upload',
  '412-taken-as-success',
  'no-claim',
  'epoch-not-raised',
  'buffers-kept-over-a-revoke',
  'next-offset-is-start-plus-count',
  'sha-of-the-lines',
  'txn-per-batch',
  'positions-not-checked',
  'quarantine-pointer-one-line-off',
  'tombstone-counted-as-a-row',
  'position-past-unread-entries',
];

describe.concurrent('the simulation', () => {
  test.each(['phase1', 'phase2'])('finds nothing in %s where nothing is planted', async (world) => {
    expect(await simulateWith(null, world, seeds, withinMs)).toMatchObject({ law: null, trouble: null });
  });

  test.each(quick)('finds %s', async (name) => {
    const world = bugs.find((bug) => bug.name === name)?.caughtBy.replace('simulation:', '') ?? '';
    const caught = await simulateWith(name, world, seeds, withinMs);
    expect(caught).toMatchObject({ trouble: null });
    expect(caught.law).not.toBeNull();
  });
});
