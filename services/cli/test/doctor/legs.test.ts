import { describe, expect, it } from 'vitest';
import { type DatasetLag, judgeLegs, legsOf, legsToRestart, type PartitionLag } from '../../src/doctor/lag/legs.ts';
import { readRestartWish, restedReason } from '../../src/doctor/lag/restart.ts';
import { lagText } from '../../src/doctor/lag/text.ts';
import { nextStep } from '../../src/doctor/next-step.ts';

const now = Date.parse('2026-11-21T12:00:00Z');
const partition = (changes: Partial<PartitionLag> = {}): PartitionLag => ({
  topicId: 't',
  partition: 0,
  end: 100n,
  landed: 100n,
  committed: 100n,
  oldestUnlandedMs: null,
  oldestUncommittedMs: null,
  ...changes,
});
const facts = (changes: Partial<DatasetLag> = {}): DatasetLag => ({
  dataset: 'orders',
  topic: 'orders',
  state: 'RUNNING',
  nextAction: null,
  partitions: [partition()],
  estimateSeconds: null,
  endsAgeSeconds: 0,
  endsKnown: true,
  ...changes,
});

describe('lag of a leg', () => {
  it('is 0 when nothing waits, else the age of the oldest record that does', () => {
    expect(legsOf(facts(), now).map(({ seconds }) => seconds)).toEqual([0, 0]);
    const [landing, table] = legsOf(
      facts({
        partitions: [
          partition({ end: 150n, oldestUnlandedMs: now - 30_000 }),
          partition({ partition: 1, end: 120n, landed: 110n, oldestUnlandedMs: now - 90_000, oldestUncommittedMs: now - 120_000 }),
        ],
      }),
      now,
    );
    expect(landing).toMatchObject({ records: 60n, seconds: 90, estimated: false, position: 210n });
    expect(table).toMatchObject({ records: 10n, seconds: 120, position: 200n });
  });

  it('grows while nobody says where Kafka ends: a dead phase 1 looks like a topic at rest', () => {
    const silent = (changes: Partial<DatasetLag>) => legsOf(facts({ endsKnown: false, ...changes }), now)[0];
    expect(silent({ endsAgeSeconds: 3_600 })).toMatchObject({ seconds: 3_600, atLeast: true });
    expect(silent({ endsAgeSeconds: 30 })).toMatchObject({ seconds: 0, atLeast: true });
    expect(silent({ endsAgeSeconds: null, partitions: [] }).seconds).toBeNull();
  });

  it('takes the estimate when no time was looked up, and does not guess without one', () => {
    const behind = [partition({ landed: 50n, committed: 50n })];
    expect(legsOf(facts({ partitions: behind, estimateSeconds: 77 }), now)[0]).toMatchObject({ seconds: 77, estimated: true });
    expect(legsOf(facts({ partitions: behind }), now)[0].seconds).toBeNull();
    expect(legsOf(facts({ partitions: [partition({ end: null })] }), now)[0]).toMatchObject({ records: null, seconds: null });
  });
});

describe('the verdict', () => {
  const late = (committed: bigint, changes: Partial<DatasetLag> = {}) =>
    legsOf(facts({ partitions: [partition({ committed, oldestUncommittedMs: now - 100_000 })], ...changes }), now);

  it('is stuck only for what is late in both looks and did not move', () => {
    const verdict = (before: ReturnType<typeof late> | undefined, after: ReturnType<typeof late>) =>
      judgeLegs(after, before, 60)[1]?.verdict;
    expect(verdict(late(50n), late(50n))).toBe('stuck');
    expect(verdict(late(50n), late(60n))).toBe('over');
    expect(verdict(undefined, late(50n))).toBe('over');
    expect(verdict(late(50n), legsOf(facts(), now))).toBe('ok');
    expect(judgeLegs(late(50n), late(50n), 100)[1]?.verdict).toBe('ok');
  });

  it('is never ok over ends that nobody could be asked for; what is known already may be too late', () => {
    const landing = (changes: Partial<DatasetLag>, maxSeconds: number) =>
      judgeLegs(legsOf(facts({ endsKnown: false, ...changes }), now), undefined, maxSeconds)[0];
    expect(landing({}, 10)).toMatchObject({ verdict: 'unknown', records: null, seconds: null });
    expect(landing({ endsAgeSeconds: 300 }, 900)).toMatchObject({ verdict: 'unknown', seconds: null });
    expect(landing({ endsAgeSeconds: 300 }, 60)).toMatchObject({ verdict: 'over', seconds: 300 });
    const waiting = [partition({ end: 150n, oldestUnlandedMs: now - 30_000 })];
    expect(landing({ partitions: waiting }, 10)).toMatchObject({ verdict: 'over', records: 50n, seconds: 30 });
    expect(landing({ partitions: waiting }, 60)?.verdict).toBe('unknown');
    expect(judgeLegs(legsOf(facts({ endsKnown: false }), now), undefined, 10)[1]?.verdict).toBe('ok');
  });

  it('a pause is no lateness, and what waits for a person is not restarted', () => {
    const judged = (changes: Partial<DatasetLag>) => judgeLegs(late(50n, changes), late(50n, changes), 60);
    expect(judged({ state: 'PAUSED' })[1]?.verdict).toBe('paused');
    const blocked = judged({ state: 'BLOCKED', nextAction: 'mend it; then PUT /v1/datasets/orders/resume' });
    expect(blocked[1]).toMatchObject({ verdict: 'stuck', waitsFor: 'mend it; then millrace datasets resume orders' });
    expect(legsToRestart(blocked)).toEqual([]);
    expect(legsToRestart(judged({}))).toEqual(['table']);
  });
});

describe('what people read', () => {
  const text = (changes: Partial<DatasetLag>, maxSeconds = 10) =>
    lagText((_, cell) => cell, judgeLegs(legsOf(facts(changes), now), undefined, maxSeconds), [], maxSeconds);

  it('says that every leg is in time only when each is known to be', () => {
    expect(text({})).toMatch(/every leg is within 10 s$/);
    expect(text({ endsKnown: false })).toMatch(/1 of 2 legs are unknown/);
    expect(text({ endsKnown: false })).not.toMatch(/within 10 s/);
    expect(text({ endsKnown: false, endsAgeSeconds: 300 })).toMatch(/1 of 2 legs are later than 10 s$/);
    expect(text({ state: 'PAUSED' })).toMatch(/every leg that is not paused is within 10 s/);
  });
});

describe('the next step', () => {
  // as phase 2 says it of a breaking change
  const nextAction =
    'see GET /v1/datasets/orders/schemas/3; PUT /v1/datasets/orders/resume evaluates again, with {"breaking":"quarantine"} the offending records are quarantined and the table goes on';

  it('is a command of this program', () => {
    expect(nextStep(nextAction)).toBe(
      'millrace datasets resume orders evaluates again; with millrace datasets resume orders --breaking quarantine the offending records are quarantined and the table goes on',
    );
    expect(nextStep('millrace gaps list orders')).toBe('millrace gaps list orders');
  });

  it('stands below the table, once for both legs, so that the table stays narrow', () => {
    const blocked = facts({
      state: 'BLOCKED',
      nextAction,
      partitions: [partition({ end: 150n, oldestUnlandedMs: 0, committed: 50n, oldestUncommittedMs: 0 })],
    });
    const lines = lagText((_, cell) => cell, judgeLegs(legsOf(blocked, now), undefined, 10), [], 10).split('\n');
    expect(lines.filter((line) => line.includes('--breaking quarantine'))).toEqual([
      expect.stringMatching(/^orders waits for: millrace datasets/),
    ]);
    expect(Math.max(...lines.slice(0, 3).map(({ length }) => length))).toBeLessThan(80);
  });
});

describe('a restart', () => {
  it('names Deployments by leg', () => {
    expect(readRestartWish(['landing=a-phase1', 'table=a-phase2'])).toEqual({ landing: ['a-phase1'], table: ['a-phase2'] });
    for (const bad of ['phase1=a', 'landing=', 'landing=A/b', 'landing'])
      expect(() => readRestartWish([bad]), bad).toThrow(/is not landing=DEPLOYMENT/);
  });

  it('is not done again before the last one had its time', () => {
    const at = (secondsAgo: number) => ({ name: 'a', restartedAt: new Date(now - secondsAgo * 1000).toISOString() });
    expect(restedReason(at(59), now, 60)).toMatch(/was restarted 59 s ago/);
    expect(restedReason(at(61), now, 60)).toBeNull();
    expect(restedReason({ name: 'a', restartedAt: null }, now, 60)).toBeNull();
  });
});
