import { expect, test, vi } from 'vitest';
import type { StartFrom } from '../../src/dump/start.ts';
import { PartitionLanding } from '../../src/run/partition.ts';
import { FakeSource, landingContext } from './fakes.ts';

const withinMs = 10_000;

test('a dataset that wishes for earliest is told what a chain begun by latest lacks, as soon as it is there', async () => {
  let startFrom: StartFrom = 'latest';
  const { context, cluster } = landingContext({ wish: () => ({ startFrom, topicWasMissing: false }) });
  cluster.earliest = 3n;
  cluster.lastStable = 10n;
  const source = new FakeSource();
  const landing = new PartitionLanding({ topic: 'orders', partition: 0 }, context, source);
  await vi.waitFor(() => expect(source.started).toHaveLength(1), withinMs);
  const seen = (earliest: bigint) => {
    landing.sawOffsets({ earliest, lastStable: 10n });
    return landing.view().notice;
  };
  const begun = 'partition 0 starts at 10 by startFrom latest';
  expect(seen(3n)).toBe(begun);
  startFrom = 'earliest';
  const lacks = `${begun}; a dataset wishes for earliest: records [3, 10) were not landed`;
  expect(seen(3n)).toBe(lacks);
  // retention going on changes nothing of what was missing when it was asked for
  expect(seen(5n)).toBe(lacks);
  startFrom = 'latest';
  expect(seen(5n)).toBe(begun);
  await landing.release(withinMs);
});
