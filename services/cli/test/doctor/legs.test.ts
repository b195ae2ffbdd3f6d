import { describe, expect, it } from 'vitest';
import { type DatasetLag, judgeLegs, legsOf, legsToRestart, type PartitionLag } from '../../src/doctor/lag/legs.ts';
import { readRestartWish, restedReason } from '../../src/doctor/lag/restart.ts';

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
    expect(legsOf(facts({ endsAgeSeconds: 3_600 }), now)[0].seconds).toBe(3_600);
    expect(legsOf(facts({ endsAgeSeconds: 30 }), now)[0].seconds).toBe(0);
    expect(legsOf(facts({ endsAgeSeconds: null, partitions: [] }), now)[0].seconds).toBeNull();
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

  it('a pause is no lateness, and what waits for a person is not restarted', () => {
    const judged = (changes: Partial<DatasetLag>) => judgeLegs(late(50n, changes), late(50n, changes), 60);
    expect(judged({ state: 'PAUSED' })[1]?.verdict).toBe('paused');
    const blocked = judged({ state: 'BLOCKED', nextAction: 'PUT …/resume' });
    expect(blocked[1]).toMatchObject({ verdict: 'stuck', waitsFor: 'PUT …/resume' });
    expect(legsToRestart(blocked)).toEqual([]);
    expect(legsToRestart(judged({}))).toEqual(['table']);
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
