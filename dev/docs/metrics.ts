import { buildOf, registerBuild, type ServiceName } from '@millrace/core/adapters/admin/build.ts';
import { createMetrics as metastoreMetrics } from '@millrace/metastore/http/metrics.ts';
import { createMetrics as phase1Metrics } from '@millrace/phase1-dumper/run/metrics.ts';
import { createMetrics as phase2Metrics } from '@millrace/phase2-transformer/loop/metrics.ts';
import { Registry } from 'prom-client';
import { code, GENERATED, page, prose, table } from './markdown.ts';

type Service = {
  readonly name: ServiceName;
  readonly title: string;
  readonly job: string;
  readonly port: number;
  readonly register: (registry: Registry) => unknown;
};

const SERVICES: readonly Service[] = [
  { name: 'phase1', title: 'Phase 1', job: 'millrace-phase1', port: 9101, register: (registry) => phase1Metrics(registry) },
  { name: 'phase2', title: 'Phase 2', job: 'millrace-phase2', port: 9102, register: (registry) => phase2Metrics(registry) },
  { name: 'metastore', title: 'Metastore', job: 'millrace-metastore', port: 9100, register: (registry) => metastoreMetrics(registry) },
];

/** One metric as a service registers it. `values` are what its labels are known to take from the start. */
type Described = { name: string; type: string; help: string; labels: readonly string[]; values: ReadonlyMap<string, readonly string[]> };

/** `docs/reference/metrics.md`: registers every metric as the services do and tells what is there. */
export async function metricsPage(): Promise<string> {
  const all = await Promise.all(SERVICES.map(async (service) => ({ service, metrics: await metricsOf(service) })));
  const servicesOf = (name: string) => all.filter(({ metrics }) => metrics.some((one) => one.name === name)).map(({ service }) => service);
  const shared = all
    .flatMap(({ metrics }) => metrics)
    .filter(({ name }, index, list) => list.findIndex((one) => one.name === name) === index);
  const sharedBy = (count: number) => shared.filter(({ name }) => servicesOf(name).length === count);
  return page(
    GENERATED,
    '# Metrics',
    'At `/metrics` on the admin port of each process, as Prometheus text, or as OpenMetrics where the `Accept` header asks for it. Counters count what this process did since it started: use `rate` and `sum`. What has a bounded set of labels is there from the start with 0. No label holds an offset, an object name, an id or a message; `partition` stands on gauges only, and `MILLRACE_METRICS_PARTITIONS=off` takes it away.',
    table(
      ['Process', 'Port', 'Job in the rules'],
      SERVICES.map(({ title, port, job }) => [title, String(port), code(job)]),
    ),
    'Each process also has the metrics of Node itself (`process_*`, `nodejs_*`), among them `nodejs_eventloop_lag_seconds`.',
    '## Every process',
    metricTable(sharedBy(3)),
    '## Both phases',
    metricTable(sharedBy(2)),
    ...all.flatMap(({ service, metrics }) => [
      `## ${service.title}`,
      metricTable(metrics.filter(({ name }) => servicesOf(name).length === 1)),
    ]),
  );
}

async function metricsOf({ name, register }: Service): Promise<Described[]> {
  const registry = new Registry();
  registerBuild(registry, buildOf(name));
  register(registry);
  const metrics = registry.getMetricsAsArray() as unknown as readonly { name: string; labelNames: readonly string[] }[];
  const labelsOf = new Map(metrics.map((metric) => [metric.name, metric.labelNames]));
  return (await registry.getMetricsAsJSON()).map((metric) => {
    const labels = labelsOf.get(metric.name) ?? [];
    const values = metric.values as readonly { labels: Readonly<Record<string, string | number | undefined>> }[];
    const known = labels.map((label) => [label, [...new Set(values.flatMap((one) => one.labels[label] ?? []).map(String))]] as const);
    // which version or service runs is no part of the reference
    return {
      name: metric.name,
      type: String(metric.type),
      help: metric.help,
      labels,
      values: new Map(known.filter(([label]) => label !== 'version' && label !== 'service')),
    };
  });
}

function metricTable(metrics: readonly Described[]): string {
  const sorted = metrics.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return table(
    ['Metric', 'Type', 'Labels', 'Meaning'],
    sorted.map(({ name, type, help, labels, values }) => [
      code(name),
      type,
      labels.map((label) => `${code(label)}${known(values.get(label) ?? [])}`).join('; '),
      prose(help),
    ]),
  );
}

const known = (values: readonly string[]): string => (values.length === 0 ? '' : ` (${values.map(code).join(', ')})`);
