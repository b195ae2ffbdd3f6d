import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { expect, test } from 'vitest';
import { WantedTopics } from '../../src/run/topics.ts';

const dataset = (kafkaTopic: string) => ({ name: kafkaTopic, kafkaTopic, startFrom: 'latest', resumeCount: 0 }) as Dataset;

/** Topics of datasets, and a broker's answer as topic → id; null is "unknown topic". */
function wantedTopics(topics: string[]) {
  const wanted = new WantedTopics();
  wanted.setDatasets(topics.map(dataset));
  const told = (ids: Record<string, string | null>) =>
    wanted.setDescription(
      {
        clusterId: 'c',
        requestedAt: 0,
        topics: new Map(
          Object.entries(ids).flatMap(([topic, topicId]) =>
            topicId === null ? [] : [[topic, { topic, topicId, partitions: [0], leaderEpochMin: 0, leaderEpochMax: 0 }] as const],
          ),
        ),
        problems: new Map(),
      },
      Object.keys(ids),
    );
  return { wanted, told };
}

test('one answer of a broker that is behind changes nothing', () => {
  const { wanted, told } = wantedTopics(['orders']);
  told({ orders: 'id' });
  for (const id of [null, 'id', null]) told({ orders: id });
  expect(wanted.existing()).toEqual(['orders']);
  expect(wanted.missing()).toEqual([]);
  expect(wanted.wish('orders')).toEqual({ startFrom: 'latest', topicWasMissing: false });
});

test('two in a row do: the topic is missing, and when it comes it is read from its beginning', () => {
  const { wanted, told } = wantedTopics(['orders']);
  told({ orders: 'id' });
  told({ orders: null });
  told({ orders: null });
  expect(wanted.existing()).toEqual([]);
  expect(wanted.missing()).toEqual(['orders']);
  told({ orders: 'new' });
  expect(wanted.existing()).toEqual(['orders']);
  expect(wanted.wish('orders')).toEqual({ startFrom: 'latest', topicWasMissing: true });
});

test('a topic made again between two answers is seen as changed, also with one unknown answer between them', () => {
  const { told } = wantedTopics(['orders']);
  told({ orders: 'id' });
  told({ orders: null });
  expect(told({ orders: 'new' })).toEqual(['orders']);
});

test('a topic that was never seen is missing at the first answer: made soon afterwards, it is read from its beginning', () => {
  const { wanted, told } = wantedTopics(['orders']);
  told({ orders: null });
  expect(wanted.missing()).toEqual(['orders']);
  told({ orders: 'id' });
  expect(wanted.wish('orders')).toEqual({ startFrom: 'latest', topicWasMissing: true });
});

test('what was seen of a topic is forgotten with its last dataset', () => {
  const { wanted, told } = wantedTopics(['orders']);
  told({ orders: 'id' });
  told({ orders: null });
  wanted.setDatasets([]);
  wanted.setDatasets([dataset('orders')]);
  told({ orders: null });
  expect(wanted.missing()).toEqual([]);
  told({ orders: null });
  expect(wanted.missing()).toEqual(['orders']);
});
