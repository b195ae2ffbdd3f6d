import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { AssignedPosition, AssignmentHandler, LineRange, RecordSource } from '@millrace/core/ports/record-source.ts';
import { FaultyStore } from '@millrace/core/testing/faulty-store.ts';
import { Registry } from 'prom-client';
import { onTestFinished } from 'vitest';
import { partitionKey, type SourceMetadata } from '../../src/dump/source-metadata.ts';
import { compressLines } from '../../src/run/compress.ts';
import type { LandingContext } from '../../src/run/context.ts';
import { Health } from '../../src/run/health.ts';
import { Limit } from '../../src/run/limit.ts';
import { createMetrics } from '../../src/run/metrics.ts';

/** A Kafka cluster as the metadata client sees it: one topic, whose end and identity a test moves. */
export class FakeCluster implements SourceMetadata {
  readonly notices: readonly string[] = [];
  topicId = 'topic-id';
  clusterId: string | null = 'cluster';
  earliest = 0n;
  lastStable = 0n;
  leaderEpoch = 3;
  partitions = [0];
  /** what the leader waits for before it answers */
  leaderAway: Promise<void> | undefined;

  async describe(topics: readonly string[]) {
    const of = (topic: string) => ({ topic, topicId: this.topicId, partitions: this.partitions, leaderEpochMin: 0, leaderEpochMax: 0 });
    return {
      clusterId: this.clusterId,
      requestedAt: systemClock.monotonic(),
      topics: new Map(topics.map((topic) => [topic, of(topic)])),
      problems: new Map<string, string>(),
    };
  }
  async confirm() {
    await this.leaderAway;
    const requestedAt = systemClock.monotonic();
    return { clusterId: this.clusterId, topicId: this.topicId, partitionExists: true, requestedAt, leaderEpoch: this.leaderEpoch };
  }
  async offsets(partitions: readonly TopicPartition[]) {
    return new Map(partitions.map((p) => [partitionKey(p), { earliest: this.earliest, lastStable: this.lastStable }]));
  }
  async close() {}
}

/** A member of the group that gives one partition and hands over what a test puts into `arriving`; silent while that is empty. */
export class FakeSource implements RecordSource {
  readonly started: AssignedPosition[] = [];
  readonly stopped: TopicPartition[] = [];
  readonly committed: bigint[] = [];
  readonly arriving: LineRange[] = [];
  closed = false;
  readonly #handler: AssignmentHandler | undefined;

  constructor(handler?: AssignmentHandler) {
    this.#handler = handler;
  }

  subscribe(topics: string[]) {
    setTimeout(() => this.#handler?.assigned(topics.map((topic) => ({ topic, partition: 0 }))), 100);
  }
  start(position: AssignedPosition) {
    this.started.push(position);
  }
  stop(partition: TopicPartition) {
    this.stopped.push(partition);
  }
  pause() {}
  resume() {}
  async poll(_maxRecords: number, timeoutMs: number) {
    if (this.arriving.length === 0) await systemClock.sleep(timeoutMs);
    return this.arriving.splice(0);
  }
  async toldBefore() {
    return undefined;
  }
  commitOffsets(positions: { offset: bigint }[]) {
    this.committed.push(...positions.map(({ offset }) => offset));
  }
  async close() {
    this.closed = true;
  }
}

/** What a worker's partitions share, over a store of files in a folder of its own that fails on request. */
export function landingContext(more: Partial<LandingContext> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'landing-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const store = new FaultyStore(openObjectStore(pathToFileURL(folder).href, { forcePathStyle: true }));
  const cluster = new FakeCluster();
  const registry = new Registry();
  const context: LandingContext = {
    store,
    metadata: cluster,
    clock: systemClock,
    random: systemRandom,
    log: createLogger('phase1', 'silent'),
    metrics: createMetrics(registry),
    health: new Health(),
    compress: compressLines,
    publications: new Limit(8),
    writer: 'writer',
    seal: { sealBytes: 1e6, sealIntervalMs: 100 },
    sessionTimeoutMs: 1_000,
    wish: () => ({ startFrom: 'earliest', topicWasMissing: false }),
    ...more,
  };
  return { context, cluster, store };
}
