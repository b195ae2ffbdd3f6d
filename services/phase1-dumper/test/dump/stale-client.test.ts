import { expect, test } from 'vitest';
import { clientIsStale } from '../../src/dump/stale-client.ts';

const seen = { clusterId: 'c', topicId: 'old', leaderEpochMax: 2 };

test.each([
  ['a topic seen for the first time', undefined, { clusterId: 'c', topicId: 'old', leaderEpochMin: 0 }, false],
  ['the same topic, whatever its epochs', seen, { clusterId: 'c', topicId: 'old', leaderEpochMin: 0 }, false],
  ['made again with lower epochs', seen, { clusterId: 'c', topicId: 'new', leaderEpochMin: 0 }, true],
  ['made again with epochs as high', seen, { clusterId: 'c', topicId: 'new', leaderEpochMin: 2 }, false],
  ['a cluster that cannot be told now', seen, { clusterId: null, topicId: 'old', leaderEpochMin: 0 }, false],
  ['another cluster', seen, { clusterId: 'd', topicId: 'new', leaderEpochMin: 9 }, true],
])('%s', (_name, known, now, stale) => expect(clientIsStale(known, now)).toBe(stale));
