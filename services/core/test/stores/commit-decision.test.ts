import {
  type CommitEvent,
  commitBackoffMsMax,
  commitBackoffMsMin,
  initialCommitState,
  nextCommitStep,
} from '@millrace/core/stores/commit-decision.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const fresh = initialCommitState;
const maybe = { failures: 1, mayBeApplied: true };
const far = 60_000;

describe('the next step of a commit', () => {
  test.each<[string, typeof fresh, CommitEvent, number, object]>([
    ['a win is a win', fresh, { saw: 'created' }, far, { do: 'end', status: 'committed' }],
    ['a win counts after the deadline too', maybe, { saw: 'created' }, 0, { do: 'end', status: 'committed' }],
    ['something is there: whose', fresh, { saw: 'exists' }, far, { do: 'read', afterMs: 0 }],
    ['something is there and no time to look', fresh, { saw: 'exists' }, 0, { do: 'end', status: 'unknown' }],
    ['ours is there', maybe, { saw: 'read', found: 'ours' }, 0, { do: 'end', status: 'committed' }],
    ['somebody else won', maybe, { saw: 'read', found: 'other' }, 0, { do: 'end', status: 'conflicted' }],
    ['told exists, found nothing: the same put again', fresh, { saw: 'read', found: 'nothing' }, far, { do: 'put', afterMs: 50 }],
    ['lost answer: the identical put again', fresh, { saw: 'put_failed', applied: 'unknown' }, far, { do: 'put', afterMs: 50 }],
    ['lost answer, no time left', fresh, { saw: 'put_failed', applied: 'unknown' }, 0, { do: 'end', status: 'unknown' }],
    ['never sent: again', fresh, { saw: 'put_failed', applied: 'no' }, far, { do: 'put', afterMs: 50 }],
    ['never sent, no time left: certain', fresh, { saw: 'put_failed', applied: 'no' }, 0, { do: 'fail' }],
    ['never sent after one that may have been', maybe, { saw: 'put_failed', applied: 'no' }, 0, { do: 'end', status: 'unknown' }],
    ['refused at once: certain', fresh, { saw: 'put_failed', applied: 'refused' }, far, { do: 'fail' }],
    [
      'refused after one that may have been applied tells nothing',
      maybe,
      { saw: 'put_failed', applied: 'refused' },
      far,
      { do: 'put', afterMs: 100 },
    ],
    ['reading failed: read again', fresh, { saw: 'read_failed' }, far, { do: 'read', afterMs: 50 }],
    ['reading failed, no time left', fresh, { saw: 'read_failed' }, 0, { do: 'end', status: 'unknown' }],
  ])('%s', (_name, state, event, remainingMs, step) => {
    expect(nextCommitStep(state, event, remainingMs, 1).step).toEqual(step);
  });

  const event: fc.Arbitrary<CommitEvent> = fc.oneof(
    fc.constantFrom<CommitEvent>({ saw: 'created' }, { saw: 'exists' }, { saw: 'read_failed' }),
    fc.constantFrom('unknown', 'no', 'refused').map(
      (applied): CommitEvent => ({
        saw: 'put_failed',
        applied: applied as 'unknown',
      }),
    ),
    fc.constantFrom('ours', 'other', 'nothing').map((found): CommitEvent => ({ saw: 'read', found: found as 'ours' })),
  );

  test('after an unknown put nothing ever ends in certain failure, and back-off stays within its bounds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(event, fc.integer({ min: -10, max: 100_000 }), fc.double({ min: 0, max: 0.999, noNaN: true })), {
          minLength: 1,
          maxLength: 40,
        }),
        (events) => {
          let state = initialCommitState;
          let sawUnknown = false;
          for (const [seen, remainingMs, fraction] of events) {
            if (seen.saw === 'put_failed' && seen.applied === 'unknown') sawUnknown = true;
            const next = nextCommitStep(state, seen, remainingMs, fraction);
            state = next.state;
            if (sawUnknown) expect(next.step.do).not.toBe('fail');
            if (next.step.do === 'put' || next.step.do === 'read') {
              expect(next.step.afterMs).toBeLessThan(Math.max(remainingMs, 1));
              if (next.step.do === 'put') expect(next.step.afterMs).toBeGreaterThanOrEqual(commitBackoffMsMin / 2);
              expect(next.step.afterMs).toBeLessThanOrEqual(commitBackoffMsMax);
            } else return;
          }
        },
      ),
    );
  });
});
