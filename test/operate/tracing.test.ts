import { hash } from 'node:crypto';
import { appendFileSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Producer, stringSerializers } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDataset, datasetStatus, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, kafkaBrokers } from '../support/stack.ts';
import { type Collector, type ReceivedSpan, startCollector } from './collector.ts';

/* The real services tell a real OTLP receiver of their publications and batches, or nobody of nothing. */

const withinMs = 90_000;
const recordsPerWave = 40;
const canary = 'canary-7f1d';

const dir = freshDirectory('tracing');
const loaded = join(dir, 'loaded.txt');
const watch = join(dir, 'watch-imports.mjs');
let collector: Collector;
let services: Services;
let topic: string;

beforeAll(async () => {
  // every module of OpenTelemetry that a process loads is written down, but for its API, a handful of no-ops that the metrics' library loads
  writeFileSync(
    watch,
    `import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
const say = (what) => appendFileSync(${JSON.stringify(loaded)}, process.env.WATCHED + ' ' + what + '\\n');
say('watches');
registerHooks({ load(url, context, next) { if (/@opentelemetry.(?!api.)/.test(url)) say(url); return next(url, context); } });
`,
  );
  appendFileSync(loaded, '');
  collector = await startCollector();
  topic = await freshTopic({ prefix: 'traced', partitions: 2 });
  const lake = pathToFileURL(dir).href;
  services = await startServices({
    rawUrl: `${lake}/raw`,
    tablesUrl: `${lake}/tables`,
    envOf: (name) => ({ WATCHED: name, NODE_OPTIONS: `--import ${watch}`, ...(name.endsWith('-1') ? traced(name) : {}) }),
  });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
});
afterAll(async () => {
  await services?.stop();
  await collector?.close();
});

/** What an operator sets, here for the first worker of each phase. */
function traced(name: string): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    ...(name === 'phase2-1' ? { OTEL_SERVICE_NAME: 'mill' } : {}),
  };
}

async function send(wave: number): Promise<void> {
  const producer = new Producer({ clientId: 'tracing', bootstrapBrokers: kafkaBrokers().split(','), serializers: stringSerializers });
  const messages = Array.from({ length: recordsPerWave }, (_, i) => ({
    topic,
    partition: i % 2,
    key: `${canary}-key-${i}`,
    value: JSON.stringify({ n: wave * recordsPerWave + i, text: `${canary}-value` }),
  }));
  await producer.send({ messages, acks: -1 }).finally(() => producer.close());
}

const untilCommitted = (records: number) =>
  waitFor(
    `${records} records in the table`,
    () => datasetStatus(services.metastoreUrl, topic),
    ({ partitions }) => partitions.reduce((sum, { committed }) => sum + Number(committed), 0) === records,
    withinMs,
  );

type Entry = { kind: string; attemptId: string; startOffset: string; endOffset: string; seq: string; source: { partition: number } };

const dataEntries = (): Entry[] =>
  globSync(join(dir, 'raw', topic, '_chain', '*', '*', '*.json'))
    .map((file) => JSON.parse(readFileSync(file, 'utf8')) as Entry)
    .filter(({ kind }) => kind === 'data');

/** As docs/formats/chain.md says, by hand. */
const idsOf = ({ attemptId }: Entry) => {
  const digest = hash('sha256', attemptId);
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) };
};

const spansNamed = (name: string, isRoot: boolean) =>
  collector.spans().filter((span) => span.name === name && (span.parentSpanId === undefined) === isRoot);
const children = ({ spanId, traceId }: ReceivedSpan) =>
  collector.spans().filter((span) => span.parentSpanId === spanId && span.traceId === traceId);

test('publications and batches are traced stage by stage, and a commit is linked to the publications it commits', async () => {
  await send(0);
  await untilCommitted(recordsPerWave);
  const linked = () => spansNamed('commit', false).flatMap(({ links }) => links);
  await waitFor(
    'the spans of all that was published and committed',
    async () => ({
      entries: dataEntries().length,
      publications: spansNamed('publish', true).length,
      linked: linked().length,
      unended: spansNamed('commit', false).length - spansNamed('batch', true).length,
    }),
    ({ entries, publications, linked, unended }) => entries >= 2 && publications >= entries && linked >= entries && unended <= 0,
    withinMs,
  );

  const entries = dataEntries();
  const publications = spansNamed('publish', true);
  expect(publications).toHaveLength(entries.length);
  for (const entry of entries) {
    const root = publications.find(({ spanId }) => spanId === idsOf(entry).spanId);
    expect(root).toMatchObject({
      service: 'millrace-phase1',
      traceId: idsOf(entry).traceId,
      status: 0,
      resource: { 'deployment.environment.name': 'test' },
      attributes: {
        'millrace.datasets': [topic],
        'millrace.topic': topic,
        'millrace.partition': entry.source.partition,
        'millrace.start_offset': entry.startOffset,
        'millrace.end_offset': entry.endOffset,
        'millrace.seq': entry.seq,
        'millrace.attempt_id': entry.attemptId,
        'millrace.bytes': expect.any(Number),
      },
    });
    if (root === undefined) continue;
    const stages = children(root);
    expect(stages.map(({ name }) => name).sort()).toEqual(['publish', 'seal', 'upload']);
    for (const stage of stages)
      expect(stage.startNs >= root.startNs && stage.startNs <= stage.endNs && stage.endNs <= root.endNs).toBe(true);
  }

  const batches = spansNamed('batch', true);
  const names = batches.flatMap((batch) => children(batch).map(({ name }) => name));
  expect([...new Set(names)].sort()).toEqual(['commit', 'decode', 'encode', 'infer', 'read', 'upload']);
  for (const batch of batches)
    expect(batch).toMatchObject({
      service: 'mill',
      status: 0,
      attributes: {
        'millrace.dataset': topic,
        'millrace.topic': topic,
        'millrace.result': 'committed',
        'millrace.table_version': expect.any(String),
      },
    });
  expect(batches.flatMap((batch) => batch.attributes['millrace.ranges'] as string[]).length).toBeGreaterThanOrEqual(2);
  const links = linked();
  expect(links.map(({ spanId }) => spanId).sort()).toEqual(entries.map((entry) => idsOf(entry).spanId).sort());
  for (const link of links) expect(publications).toContainEqual(expect.objectContaining(link));
});

test('a collector that refuses everything costs its spans and nothing else', async () => {
  collector.answer(500);
  const before = collector.spans().length;
  await send(1);
  await untilCommitted(2 * recordsPerWave);
  await waitFor(
    'something refused',
    async () => collector.refused(),
    (count) => count > 0,
    withinMs,
  );
  expect(collector.spans()).toHaveLength(before);
  collector.answer(200);
  await send(2);
  await untilCommitted(3 * recordsPerWave);
  await waitFor(
    'spans again',
    async () => collector.spans().length,
    (count) => count > before,
    withinMs,
  );
});

test('spans hold no record data', () => {
  const sent = collector.bodies().join('\n');
  expect(sent).toContain(topic);
  expect(sent).not.toContain(canary);
});

test('without the variables nothing of OpenTelemetry is loaded', async () => {
  const modules = (name: string) =>
    readFileSync(loaded, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${name} `));
  expect(modules('phase1-1').length).toBeGreaterThan(1);
  expect(modules('phase2-1').length).toBeGreaterThan(1);
  for (const phase of ['phase1', 'phase2'] as const) {
    const silent = await services.add(phase);
    await silent.start();
    expect(new Set(modules(silent.name))).toEqual(new Set([`${silent.name} watches`]));
  }
});
