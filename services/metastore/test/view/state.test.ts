import { describe, expect, it } from 'vitest';
import { freshMs, shownState } from '../../src/view/state.ts';
import { dataset, facts, formerTopicId, landed, landing, now, report } from './facts.ts';

const table = (changes: Parameters<typeof report>[0], reportedAt = now) => ({ report: report(changes), reportedAt });

describe('the state people see', () => {
  it('is RUNNING without a word when both legs say so', () => {
    expect(shownState(facts(), now)).toEqual({ state: 'RUNNING', reason: null, nextAction: null });
  });

  it('waits for the topic until a worker has seen it', () => {
    const state = shownState(facts({ landing: undefined, table: undefined }), now);
    expect(state).toEqual({ state: 'WAITING_FOR_TOPIC', reason: 'no worker has reported on topic orders.v1 yet', nextAction: null });
  });

  it('waits for a topic that does not exist, and says so once', () => {
    const missing = landing({ topicId: null, notices: ['topic does not exist'], partitions: [] });
    for (const leg of [undefined, table({ state: 'WAITING_FOR_TOPIC', reason: 'no chain yet' })])
      expect(shownState(facts({ landing: missing, table: leg }), now)).toEqual({
        state: 'WAITING_FOR_TOPIC',
        reason: 'topic orders.v1 does not exist',
        nextAction: 'create the topic orders.v1, or delete the dataset',
      });
  });

  it('runs as soon as the topic is seen, whatever the table leg said before', () => {
    for (const before of ['WAITING_FOR_TOPIC', 'PAUSED'] as const)
      expect(shownState(facts({ table: table({ state: before, reason: 'earlier words' }) }), now)).toEqual({
        state: 'RUNNING',
        reason: null,
        nextAction: null,
      });
    expect(shownState(facts({ table: undefined }), now)).toEqual({
      state: 'RUNNING',
      reason: 'no phase-2 worker has reported yet',
      nextAction: null,
    });
  });

  it('is PAUSED while a person wants it, over everything else, and keeps telling the rest', () => {
    const state = shownState(
      facts({
        dataset: dataset({ paused: true }),
        table: table({ state: 'BLOCKED', reason: 'amount was long, is string', nextAction: 'decide' }),
      }),
      now,
    );
    expect(state.state).toBe('PAUSED');
    expect(state.reason).toBe('paused by a person; landing goes on; amount was long, is string');
    expect(state.nextAction).toContain('PUT /v1/datasets/orders/resume to go on');
  });

  it.each(['BLOCKED', 'FAILED'] as const)('passes on %s of the table leg with reason and next action', (state) => {
    expect(shownState(facts({ table: table({ state, reason: 'why', nextAction: 'what' }) }), now)).toEqual({
      state,
      reason: 'why',
      nextAction: 'what',
    });
  });

  it('is BLOCKED when a partition of the topic stopped, with the exact range', () => {
    const stopped = landing({
      partitions: [landed(), landed({ partition: 1, state: 'STOPPED', reason: 'offsets [5, 90) expired before they landed' })],
    });
    const state = shownState(facts({ landing: stopped }), now);
    expect(state.state).toBe('BLOCKED');
    expect(state.reason).toBe('partition 1 stopped: offsets [5, 90) expired before they landed');
    expect(state.nextAction).toContain('PUT /v1/datasets/orders/resume evaluates again');
  });

  it('takes stops of an incarnation that is gone for history', () => {
    const gone = landing({ partitions: [landed(), landed({ topicId: formerTopicId, state: 'STOPPED', reason: 'old' })] });
    expect(shownState(facts({ landing: gone }), now).state).toBe('RUNNING');
  });

  it('tells notices and waiting partitions while it runs', () => {
    const told = landing({
      notices: ['identity check is off: SASL/GSSAPI'],
      partitions: [landed({ state: 'WAITING', reason: 'store away' })],
    });
    expect(shownState(facts({ landing: told }), now)).toEqual({
      state: 'RUNNING',
      reason: 'partition 0 waits: store away; identity check is off: SASL/GSSAPI',
      nextAction: null,
    });
  });

  it('says since when nobody has reported, and keeps the last state', () => {
    const old = now - freshMs - 1;
    const state = shownState(
      facts({ landing: landing({ reportedAt: old }), table: table({ state: 'FAILED', reason: 'store away' }, old) }),
      now,
    );
    expect(state.state).toBe('FAILED');
    expect(state.reason).toBe(
      'store away; no phase-1 worker has reported on topic orders.v1 since 2026-11-21T11:58:59.999Z; no phase-2 worker has reported since 2026-11-21T11:58:59.999Z',
    );
    expect(shownState(facts({ landing: landing({ reportedAt: now - freshMs }) }), now).reason).toBeNull();
  });

  it('names single partitions nobody reports on', () => {
    const silent = landing({ partitions: [landed(), landed({ partition: 7, reportedAt: now - 3 * freshMs })] });
    expect(shownState(facts({ landing: silent }), now).reason).toBe(
      'no phase-1 worker has reported on partition 7 since 2026-11-21T11:57:00.000Z',
    );
  });
});
