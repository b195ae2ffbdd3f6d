import { dataLossSuspected, type SuspectedLoss } from '@millrace/core/domain/losses.ts';
import { describe, expect, test } from 'vitest';
import type { Facts } from '../../src/view/facts.ts';
import { acceptCluster, acceptGap, gapList } from '../../src/view/losses.ts';
import { shownState } from '../../src/view/state.ts';
import { dataset, formerTopicId, landed, landing, now, topicId } from './facts.ts';

const decided = { id: 'd1', now };
const loss: SuspectedLoss = { code: dataLossSuspected, kind: 'retention', startOffset: 100n, endOffset: 130n };
const lost = (changes: Partial<Facts> = {}): Facts => ({
  dataset: dataset(),
  landing: landing({ partitions: [landed({ state: 'STOPPED', reason: 'gone', loss })] }),
  table: undefined,
  ...changes,
});
const input = { partition: 0, startOffset: '100', endOffset: '130', reason: 'moths' };

describe('accepting a loss', () => {
  test('the exact range that is suspected', () => {
    const { acceptance, acceptances, made } = acceptGap(lost(), { ...input, by: 'me' }, decided);
    expect(made).toBe(true);
    expect(acceptance).toMatchObject({
      kind: 'gap',
      id: 'd1',
      topicId,
      partition: 0,
      loss: 'retention',
      startOffset: '100',
      endOffset: '130',
      by: 'me',
    });
    expect(acceptances).toEqual([acceptance]);
  });

  test('another range is refused and the right one named', () => {
    expect(() => acceptGap(lost(), { ...input, endOffset: '131' }, decided)).toThrow(
      /is \[100, 130\), not \[100, 131\): millrace gaps accept orders --partition 0 --from 100 --to 130/,
    );
  });

  test('a partition, or an incarnation, that misses nothing is refused and the one that does is named', () => {
    expect(() => acceptGap(lost(), { ...input, partition: 1 }, decided)).toThrow(/partition 1 .*suspected are partition 0 \[100, 130\)/);
    expect(() => acceptGap(lost(), { ...input, topicId: formerTopicId }, decided)).toThrow(/no loss is suspected/);
  });

  test('asked twice it decides once; when landing stands behind it and the same is missing again, anew', () => {
    const { acceptances } = acceptGap(lost(), input, decided);
    const again = acceptGap(lost({ dataset: dataset({ acceptances }) }), input, { ...decided, id: 'd2' });
    expect(again).toMatchObject({ made: false, acceptance: { id: 'd1' } });
    const after: Facts = { ...lost({ dataset: dataset({ acceptances }) }), landing: landing({ partitions: [landed({ landed: 130n })] }) };
    expect(gapList(after)).toMatchObject({ suspected: [], accepted: [{ id: 'd1', done: true }] });
    expect(() => acceptGap(after, input, decided)).toThrow(/no loss is suspected/);
  });

  test('a full list gives up what landing has acted on, and refuses when there is nothing of that', () => {
    const one = acceptGap(lost(), input, decided).acceptance;
    const done = Array.from({ length: 1_000 }, (_, n) => ({ ...one, id: `${n}`, startOffset: '0', endOffset: '50' }));
    expect(acceptGap(lost({ dataset: dataset({ acceptances: done }) }), input, decided).acceptances).toHaveLength(1);
    const open = done.map((each) => ({ ...each, endOffset: '500' }));
    expect(() => acceptGap(lost({ dataset: dataset({ acceptances: open }) }), input, decided)).toThrow(/1000 decisions/);
  });
});

test('the state names the range and the command; another cluster blocks with both ids and its command', () => {
  expect(shownState(lost(), now)).toMatchObject({
    state: 'BLOCKED',
    reason: expect.stringContaining('DATA_LOSS_SUSPECTED [100, 130)'),
    nextAction: expect.stringContaining('millrace gaps accept orders --partition 0 --from 100 --to 130 --reason TEXT'),
  });
  const changed = lost({ landing: landing({ clusterChange: { known: ['old'], found: 'new' } }) });
  expect(shownState(changed, now)).toMatchObject({
    state: 'BLOCKED',
    nextAction: expect.stringContaining('millrace clusters accept orders --cluster-id new'),
  });
  expect(() => acceptCluster(changed, { clusterId: 'old', reason: 'r' }, decided)).toThrow(/of cluster new, not old/);
  expect(() => acceptCluster(lost(), { clusterId: 'new', reason: 'r' }, decided)).toThrow(/nothing waits/);
  expect(acceptCluster(changed, { clusterId: 'new', reason: 'r' }, decided)).toMatchObject({
    made: true,
    acceptance: { clusterId: 'new' },
  });
});
