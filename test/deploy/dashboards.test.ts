import { createRegistry } from '@millrace/core/adapters/admin/server.ts';
import { createMetrics as metastoreMetrics } from '@millrace/metastore/http/metrics.ts';
import { createMetrics as phase1Metrics } from '@millrace/phase1-dumper/run/metrics.ts';
import { createMetrics as phase2Metrics } from '@millrace/phase2-transformer/loop/metrics.ts';
import { Histogram, type Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { metricsOf, syntaxErrors } from '../support/promql.ts';
import { asPrometheusGetsIt, dashboards, overlaps, type Panel, provisioned, selectorOf, shown, variablesIn } from './dashboards.ts';

/** Names that a scrape of each service has, as the services register them. */
function exported(registry: Registry): string[] {
  return registry.getMetricsAsArray().flatMap((metric) => {
    const { name } = metric as unknown as { name: string };
    return (metric as unknown) instanceof Histogram ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
  });
}

function knownMetrics(): Set<string> {
  const registries = (['phase1', 'phase2', 'metastore'] as const).map((service) => createRegistry(service).registry);
  phase1Metrics(registries[0] as Registry);
  phase2Metrics(registries[1] as Registry);
  metastoreMetrics(registries[2] as Registry);
  return new Set(registries.flatMap(exported));
}

/** Units of Grafana that we use; a misspelt one shows as text beside the number. */
const units = new Set(['short', 'none', 's', 'bytes', 'Bps', 'ops', 'reqps', 'percentunit']);
// biome-ignore lint/suspicious/noTemplateCurlyInString: this is how Grafana names a variable
const CHOSEN = '${datasource}';
/** Columns of Grafana's grid. */
const COLUMNS = 24;
const known = knownMetrics();

test('both dashboards are there under the names that alerts and chart link to', () => {
  expect(dashboards().map(({ file, board }) => [file, board.uid])).toEqual([
    ['dataset.json', 'millrace-dataset'],
    ['fleet.json', 'millrace-fleet'],
  ]);
});

test('Grafana is given the data source and the folder that compose mounts', () => {
  expect(provisioned('datasources/prometheus.yml')).toMatchObject({
    apiVersion: 1,
    datasources: [{ type: 'prometheus', isDefault: true }],
  });
  expect(provisioned('dashboards/millrace.yml')).toMatchObject({
    providers: [{ type: 'file', options: { path: '/etc/grafana/millrace' } }],
  });
});

describe.each(dashboards())('$file', ({ board }) => {
  const panels = shown(board);
  const names = new Set(board.templating.list.map(({ name }) => name));
  const eachQuery = panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target })));

  test('every panel has a title of its own, a description, a unit, and asks the chosen data source', () => {
    expect(panels.length).toBeGreaterThan(10);
    for (const panel of panels) {
      expect(panel.title, `panel ${panel.id}`).toMatch(/\S/);
      expect(panel.description?.length ?? 0, panel.title).toBeGreaterThan(20);
      expect(units, `${panel.title}: unit`).toContain(panel.fieldConfig?.defaults?.unit);
      expect(panel.datasource, panel.title).toEqual({ type: 'prometheus', uid: CHOSEN });
      expect(panel.targets?.length, panel.title).toBeGreaterThan(0);
      for (const target of panel.targets ?? []) expect(target.datasource?.uid, panel.title).toBe(CHOSEN);
    }
    expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
    expect(names).toContain('datasource');
  });

  test('every query is PromQL, with the metrics of the services and the variables of the dashboard', () => {
    for (const { panel, target } of eachQuery) {
      const query = asPrometheusGetsIt(target.expr);
      expect(syntaxErrors(query), `${panel.title}: ${target.expr}`).toEqual([]);
      expect(metricsOf(query).length, panel.title).toBeGreaterThan(0);
      for (const metric of metricsOf(query)) expect(known, `${panel.title}: ${metric}`).toContain(metric);
      for (const name of variablesIn(target.expr)) if (!name.startsWith('__')) expect(names, `${panel.title}: $${name}`).toContain(name);
    }
  });

  test('every variable that is asked for has a query with a metric of the services', () => {
    for (const variable of board.templating.list) {
      if (variable.type === 'datasource') continue;
      const { selector = '' } = selectorOf(variable) ?? {};
      expect(syntaxErrors(selector), variable.name).toEqual([]);
      for (const metric of metricsOf(selector)) expect(known, variable.name).toContain(metric);
      expect(
        eachQuery.some(({ target }) => variablesIn(target.expr).includes(variable.name)),
        `${variable.name} is used`,
      ).toBe(true);
    }
  });

  test('no panel lies on another or beyond the edge, and links lead to our dashboards', () => {
    expect(overlaps(board.panels)).toEqual([]);
    for (const { title, gridPos } of board.panels) expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(COLUMNS);
    for (const { url } of board.links) expect(dashboards().map((each) => `/d/${each.board.uid}`)).toContain(url);
  });
});

test('the linter sees what it is there for', () => {
  const panel = (title: string, x: number): Panel => ({ id: x, type: 'stat', title, gridPos: { x, y: 0, w: 8, h: 4 } });
  expect(overlaps([panel('a', 0), panel('b', 8), panel('c', 15)])).toEqual(['b and c']);
  expect(syntaxErrors(asPrometheusGetsIt('sum(rate(millrace_landed_records_total[$__rate_interval])'))).not.toEqual([]);
  expect(variablesIn(`a{b="$c", d="${'$'}{e:regex}"}[$__rate_interval]`)).toEqual(['c', 'e', '__rate_interval']);
});
