import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { Producer, stringSerializers } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDataset, datasetStatus, type Service, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, kafkaBrokers } from '../support/stack.ts';
import { type Family, familiesOf, namedMetrics, scrape, sumOf } from './exposition.ts';

/* What the three services, as real processes, answer a scraper: before the first record, and after records of every fate. */

const withinMs = 90_000;
const good = 20;
const notJson = 3;
const tombstones = 2;
const all = good + notJson + tombstones;

let services: Services;
let topic: string;
const families = async ({ adminUrl }: Service) => familiesOf(await scrape(adminUrl));
const phase1 = () => families(services.phase1[0] as Service);
const phase2 = () => families(services.phase2[0] as Service);

beforeAll(async () => {
  const lake = pathToFileURL(freshDirectory('metrics')).href;
  topic = await freshTopic({ prefix: 'metered', partitions: 2 });
  services = await startServices({ rawUrl: `${lake}/raw`, tablesUrl: `${lake}/tables` });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
});
afterAll(() => services?.stop());

async function produce(): Promise<void> {
  const producer = new Producer({ clientId: 'metrics', bootstrapBrokers: kafkaBrokers().split(','), serializers: stringSerializers });
  const record = (n: number) => {
    const place = { topic, partition: n % 2, key: `k${n}` };
    if (n < good) return { ...place, value: JSON.stringify({ n, text: 'x'.repeat(n) }) };
    return n < good + notJson ? { ...place, value: `no json ${n}` } : place;
  };
  await producer.send({ messages: Array.from({ length: all }, (_, n) => record(n)), acks: -1 }).finally(() => producer.close());
}

test('zeros are there before the first record, of all that can happen to a dataset', async () => {
  const dataset = topic;
  const landing = await waitFor(
    'phase 1 landing the dataset’s topic',
    phase1,
    (now) => sumOf(now, 'millrace_landing_lag_offsets', { topic }) === 0,
    withinMs,
  );
  for (const name of [
    'consumed_records',
    'consumed_bytes',
    'landed_records',
    'landed_line_bytes',
    'landed_object_bytes',
    'landed_gap_offsets',
  ])
    expect([name, sumOf(landing, `millrace_${name}_total`, { topic })]).toEqual([name, 0]);
  for (const result of ['committed', 'conflicted', 'unknown_resolved', 'fenced']) {
    expect(sumOf(landing, 'millrace_publications_total', { result })).toBe(0);
    expect(sumOf(landing, 'millrace_publish_seconds_count', { result })).toBe(0);
  }
  for (const name of ['claim_ping_pong', 'data_loss_suspected', 'cluster_changed'])
    expect([name, sumOf(landing, `millrace_${name}`, { topic })]).toEqual([name, 0]);
  for (const name of ['lag_records', 'lag_seconds']) expect(sumOf(landing, `millrace_${name}`, { dataset, leg: 'landing' })).toBe(0);
  for (const name of ['fenced_claims', 'backpressure_seconds', 'orphan_bytes', 'client_rebuilds'])
    expect(sumOf(landing, `millrace_${name}_total`)).toBe(0);

  const table = await waitFor(
    'phase 2 knowing the dataset',
    phase2,
    (now) => sumOf(now, 'millrace_dataset_state', { dataset }) === 1,
    withinMs,
  );
  for (const name of ['committed_records', 'committed_json_bytes', 'table_failures', 'dropped_batches'])
    expect([name, sumOf(table, `millrace_${name}_total`, { dataset })]).toEqual([name, 0]);
  for (const [stage, reason] of [
    ['decode', 'not_json'],
    ['infer', 'key_missing'],
    ['encode', 'type_mismatch'],
  ])
    expect(sumOf(table, 'millrace_quarantined_records_total', { dataset, stage: String(stage), reason: String(reason) })).toBe(0);
  expect(sumOf(table, 'millrace_dropped_records_total', { dataset, rule: 'tombstone' })).toBe(0);
  for (const result of ['committed', 'conflicted', 'unknown_resolved', 'fenced'])
    expect(sumOf(table, 'millrace_table_commits_total', { dataset, result })).toBe(0);
  for (const name of ['lag_records', 'lag_seconds']) expect(sumOf(table, `millrace_${name}`, { dataset, leg: 'table' })).toBe(0);
  for (const name of [
    'breaking_schema_change',
    'reconciliation_difference',
    'oldest_uncommitted_seconds',
    'pending_offsets',
    'schema_version',
  ])
    expect([name, sumOf(table, `millrace_${name}`, { dataset })]).toEqual([name, 0]);
  expect(sumOf(table, 'millrace_freshness_seconds_count', { dataset })).toBe(0);
  for (const kind of ['INITIAL', 'NON_BREAKING', 'BREAKING'])
    expect(sumOf(table, 'millrace_schema_changes_total', { dataset, kind })).toBe(0);
  for (const stage of ['read', 'decode', 'infer', 'encode', 'upload', 'commit'])
    expect(sumOf(table, 'millrace_stage_seconds_count', { stage })).toBe(0);
  expect(sumOf(table, 'millrace_store_requests_total', { operation: 'delete', code: 'corrupt' })).toBe(0);

  const metastore = await families(services.metastore);
  expect(sumOf(metastore, 'millrace_database_up')).toBe(1);
  expect(sumOf(metastore, 'millrace_http_requests_total', { method: 'DELETE', route: '/datasets/:name', status: '412' })).toBe(0);
});

test('records of every fate are counted where they end, and nothing is left to do', async () => {
  const dataset = topic;
  await produce();
  await waitFor(
    'all records in the table',
    () => datasetStatus(services.metastoreUrl, dataset),
    ({ partitions }) => partitions.reduce((sum, { committed }) => sum + Number(committed), 0) === all,
    withinMs,
  );
  const table = await waitFor('no lag of the table', phase2, (now) => sumOf(now, 'millrace_lag_records', { dataset }) === 0, withinMs);
  expect(sumOf(table, 'millrace_committed_records_total', { dataset })).toBe(good);
  expect(sumOf(table, 'millrace_quarantined_records_total', { dataset, stage: 'decode', reason: 'not_json' })).toBe(notJson);
  expect(sumOf(table, 'millrace_dropped_records_total', { dataset, rule: 'tombstone' })).toBe(tombstones);
  const commits = sumOf(table, 'millrace_table_commits_total', { dataset, result: 'committed' }) ?? 0;
  expect(commits).toBeGreaterThan(0);
  expect(sumOf(table, 'millrace_commit_seconds_count', { result: 'committed' })).toBe(commits);
  expect(sumOf(table, 'millrace_freshness_seconds_count', { dataset })).toBe(2 * commits);
  expect(sumOf(table, 'millrace_freshness_seconds_bucket', { dataset, le: '300' })).toBe(2 * commits);
  expect(sumOf(table, 'millrace_table_file_bytes_count')).toBeGreaterThanOrEqual(1);
  expect(sumOf(table, 'millrace_schema_changes_total', { dataset, kind: 'INITIAL' })).toBe(1);
  expect(sumOf(table, 'millrace_schema_version', { dataset })).toBeGreaterThanOrEqual(1);
  expect(sumOf(table, 'millrace_reconciliation_difference', { dataset })).toBe(0);
  expect(sumOf(table, 'millrace_dataset_state', { dataset, state: 'RUNNING' })).toBe(1);
  for (const stage of ['read', 'decode', 'infer', 'encode', 'upload', 'commit'])
    expect([stage, sumOf(table, 'millrace_stage_seconds_count', { stage })]).not.toEqual([stage, 0]);
  expect(sumOf(table, 'millrace_store_requests_total', { operation: 'put_if_absent', code: 'ok' })).toBeGreaterThanOrEqual(2 * commits);

  const landing = await waitFor('no lag of landing', phase1, (now) => sumOf(now, 'millrace_lag_records', { dataset }) === 0, withinMs);
  expect(sumOf(landing, 'millrace_consumed_records_total', { topic })).toBe(all);
  expect(sumOf(landing, 'millrace_landed_records_total', { topic })).toBe(all);
  const publications = sumOf(landing, 'millrace_publications_total', { result: 'committed' }) ?? 0;
  expect(publications).toBeGreaterThanOrEqual(2);
  expect(sumOf(landing, 'millrace_publish_seconds_count', { result: 'committed' })).toBe(publications);
  expect(sumOf(landing, 'millrace_raw_object_bytes_count')).toBe(publications);
  for (const stage of ['seal', 'upload', 'publish']) expect(sumOf(landing, 'millrace_stage_seconds_count', { stage })).toBe(publications);
  expect(sumOf(landing, 'millrace_dataset_info', { dataset, topic })).toBe(1);
  expect(sumOf(landing, 'millrace_lag_seconds', { dataset, leg: 'landing' })).toBe(0);

  const metastore = await waitFor(
    'the dataset counted',
    () => families(services.metastore),
    (now) => sumOf(now, 'millrace_datasets', { state: 'RUNNING' }) === 1,
    withinMs,
  );
  expect(sumOf(metastore, 'millrace_http_requests_total', { method: 'POST', route: '/datasets', status: '201' })).toBe(1);
});

test('a publication and a commit say in one line each what they did', async () => {
  const lines = ({ logFile }: Service) =>
    readFileSync(logFile, 'utf8')
      .split('\n')
      .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []));
  const published = lines(services.phase1[0] as Service).filter(({ msg }) => msg === 'published');
  expect(published.reduce((sum, { records }) => sum + Number(records), 0)).toBe(all);
  for (const line of published)
    expect(line).toMatchObject({
      datasets: [topic],
      topic,
      partition: expect.any(Number),
      startOffset: expect.stringMatching(/^\d+$/),
      endOffset: expect.stringMatching(/^\d+$/),
      bytes: expect.any(Number),
      ms: expect.any(Number),
      result: 'committed',
      attemptId: expect.stringMatching(/^[0-9A-Z]{26}$/),
    });
  const committed = lines(services.phase2[0] as Service).filter(({ msg }) => msg === 'committed');
  expect(committed.reduce((sum, { records }) => sum + Number(records), 0)).toBe(good);
  for (const line of committed)
    expect(line).toMatchObject({
      dataset: topic,
      topic,
      version: expect.stringMatching(/^\d+$/),
      ranges: expect.arrayContaining([expect.stringMatching(/^\S+\/[01]\[\d+,\d+\)$/)]),
      bytes: expect.any(Number),
      ms: expect.any(Number),
      attemptId: expect.stringMatching(/^[0-9A-Z]{26}$/),
    });
});

test('names and labels follow the rules of Prometheus, and series stay few', async () => {
  const labels =
    'dataset topic partition leg result stage reason rule kind operation code state direction cause doing method route status version service le';
  for (const service of [services.metastore, ...services.phase1, ...services.phase2])
    for (const family of (await families(service)).values()) {
      if (/^(nodejs|process)_/.test(family.name)) continue;
      expect(family.name).toMatch(/^millrace_[a-z0-9]+(_[a-z0-9]+)*$/);
      expect([family.name, family.help.length > 10]).toEqual([family.name, true]);
      expect([family.name, family.type === 'counter']).toEqual([family.name, family.name.endsWith('_total')]);
      expect(family.name).not.toMatch(/_(ms|millis|milliseconds|minutes|kb|mb|megabytes)(_total)?$/);
      expect([family.name, /(seconds|bytes)_(?!total$)/.test(family.name)]).toEqual([family.name, false]);
      if (family.type === 'histogram') expect(family.name).toMatch(/_(seconds|bytes)$/);
      expect([family.name, family.samples.length < 1_000]).toEqual([family.name, true]);
      for (const sample of family.samples) {
        expect(labels.split(' ')).toEqual(expect.arrayContaining(Object.keys(sample.labels)));
        if ('partition' in sample.labels) expect(family.type).toBe('gauge');
        for (const [label, value] of Object.entries(sample.labels))
          expect([label, value]).toEqual([label, expect.not.stringMatching(unbounded(label))]);
      }
    }
});

/** What would make series without end: offsets, ids, names of objects, words of errors. */
function unbounded(label: string): RegExp {
  if (label === 'le' || label === 'partition' || label === 'status') return /[^0-9.+Inf]/;
  if (label === 'route') return /\d|%|\?/;
  return ['version', 'service', 'dataset', 'topic'].includes(label) ? /\/|\s/ : /\d|\/|:/;
}

test('who asks for OpenMetrics gets it, with the same families', async () => {
  for (const { adminUrl } of [services.metastore, ...services.phase1, ...services.phase2]) {
    const text = await scrape(adminUrl, 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    expect(text).not.toMatch(/\n\n/);
    const open = familiesOf(text);
    const names = [...open.values()].map((family) => (family.type === 'counter' ? `${family.name}_total` : family.name));
    const plain = familiesOf(await scrape(adminUrl));
    expect(names.map((name) => name.replace(/(?<!_total)_total$/, '')).sort()).toEqual(
      [...plain.keys()].map((name) => name.replace(/_total$/, '')).sort(),
    );
    for (const { name, type, samples } of open.values())
      if (type === 'counter') for (const sample of samples) expect(sample.name).toBe(`${name}_total`);
  }
});

test('every metric that rules, dashboards and documents name exists in a scrape', async () => {
  const live = new Map<string, Family>();
  for (const service of [services.metastore, ...services.phase1, ...services.phase2])
    for (const [name, family] of await families(service)) live.set(name, family);
  const exists = (name: string) => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    if (name.endsWith('_')) return [...live.keys()].some((key) => key.startsWith(name));
    return live.has(name) || (base !== name && live.get(base)?.type === 'histogram');
  };
  const files = namedMetrics();
  expect(files.flatMap(({ file, names }) => names.filter((name) => !exists(name)).map((name) => `${file}: ${name}`))).toEqual([]);
  for (const { file, names } of files)
    if (/prometheus\/(alerts|recording)\.yml$|dashboards\/.*\.json$|reference\/metrics\.md$/.test(file))
      expect([file, names.length > 0]).toEqual([file, true]);
  const reference = files.find(({ file }) => file.endsWith('reference/metrics.md'));
  if (reference !== undefined)
    expect([...live.keys()].filter((name) => name.startsWith('millrace_') && !reference.names.includes(name))).toEqual([]);
});

test('each process says what runs', async () => {
  const answers = await Promise.all(
    [services.metastore, ...services.phase1, ...services.phase2].map(async ({ adminUrl }) => (await fetch(`${adminUrl}/version`)).json()),
  );
  const version = expect.stringMatching(/^\d+\.\d+\.\d+/);
  expect(answers).toEqual(['metastore', 'phase1', 'phase2'].map((service) => ({ service, version, node: process.version })));
});
