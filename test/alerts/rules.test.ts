import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { metricsOf, syntaxErrors } from '../support/promql.ts';
import {
  alertsOf,
  casesDir,
  readCases,
  readRules,
  readYaml,
  recordingsOf,
  root,
  ruleFileNames,
  rulesDir,
  runbookBase,
} from './rule-files.ts';
import { durationMs } from './shortened.ts';

/*
 * What can be said of the alerts without a Prometheus. Whether they fire when they should is told by promtool and by a real Prometheus (full/).
 */

const alerts = alertsOf(readRules('alerts.yml'));
const recordings = recordingsOf(readRules('recording.yml'));
const names = alerts.map(({ alert }) => alert);
const dashboardUids = () => {
  const dir = join(root, 'deploy', 'grafana', 'dashboards');
  return readdirSync(dir).map((name) => (JSON.parse(readFileSync(join(dir, name), 'utf8')) as { uid: string }).uid);
};

test('recording rules stand in one file, alerts in the other, and prometheus.yml reads both', () => {
  expect(alertsOf(readRules('recording.yml'))).toEqual([]);
  expect(recordingsOf(readRules('alerts.yml'))).toEqual([]);
  expect(readYaml(join(rulesDir, 'prometheus.yml'))).toMatchObject({ rule_files: [...ruleFileNames] });
});

test('names are said once: alerts, groups, recorded series', () => {
  const groups = ruleFileNames.flatMap((name) => readRules(name).groups.map((group) => group.name));
  for (const list of [names, groups, recordings.map(({ record }) => record)]) expect(new Set(list).size).toBe(list.length);
  for (const name of groups) expect(name).toMatch(/^millrace-[a-z-]+$/);
  for (const { record } of recordings) expect(record).toMatch(/^millrace:[a-z_]+:[a-z0-9]+$/);
});

test.each(alerts)(
  '$alert says how urgent it is, what happened, what to do and where to look',
  ({ alert, labels, annotations, for: wait }) => {
    expect(Object.keys(labels)).toEqual(['severity']);
    expect(['page', 'ticket']).toContain(labels.severity);
    expect(durationMs(wait)).toBeGreaterThanOrEqual(60_000);
    expect(Object.keys(annotations).toSorted()).toEqual(['dashboard_url', 'description', 'runbook_url', 'summary']);
    expect(annotations.runbook_url).toBe(`${runbookBase}${alert}.md`);
    for (const text of [annotations.summary, annotations.description]) expect(text?.length).toBeGreaterThan(30);
  },
);

test.each(names)('%s has a page: what it means, how to see it, what to do, with commands', (name) => {
  const page = readFileSync(join(root, 'docs', 'runbooks', `${name}.md`), 'utf8');
  expect(page).toMatch(new RegExp(`^# ${name}\n`));
  const sections = page.split('\n').filter((line) => line.startsWith('## '));
  expect(sections).toEqual(['## What it means', '## How to see it', '## What to do']);
  expect(page).toMatch(/```sh\n(npx millrace|curl)/);
});

test('no page is left of an alert that is gone', () => {
  const pages = readdirSync(join(root, 'docs', 'runbooks')).filter((name) => name !== 'README.md');
  expect(pages.toSorted()).toEqual(names.map((name) => `${name}.md`).toSorted());
});

test.each(alerts)('$alert leads to a dashboard that exists', ({ annotations }) => {
  const uid = /^\/d\/([a-z-]+)(\?var-dataset=\{\{ \$labels\.dataset \}\})?$/.exec(annotations.dashboard_url ?? '')?.[1];
  expect(dashboardUids()).toContain(uid);
});

describe('expressions', () => {
  test.each([
    ...alerts.map(({ alert, expr }) => ({ name: alert, expr })),
    ...recordings.map(({ record, expr }) => ({ name: record, expr })),
  ])('$name parses, and asks for nothing that nobody records', ({ expr }) => {
    expect(syntaxErrors(expr)).toEqual([]);
    const recorded = metricsOf(expr).filter((metric) => metric.includes(':'));
    expect(recordings.map(({ record }) => record)).toEqual(expect.arrayContaining(recorded));
  });

  test('what is recorded is asked for', () => {
    const asked = new Set([...alerts, ...recordings].flatMap(({ expr }) => metricsOf(expr)));
    expect(recordings.map(({ record }) => record).filter((record) => !asked.has(record))).toEqual([]);
  });

  test('partitions are never told apart', () => {
    for (const { expr } of [...alerts, ...recordings]) expect(expr).not.toMatch(/\bpartition\b/);
  });

  test('the freshness objective is said once', () => {
    const texts = ruleFileNames.map((name) => readFileSync(join(rulesDir, name), 'utf8')).join('\n');
    expect(texts.match(/vector\(0\.99\)/g)).toHaveLength(1);
    expect(texts.match(/le=/g)).toHaveLength(1);
  });

  test('what is no PromQL is found', () => {
    expect(syntaxErrors('sum by (x) (rate(a[5m]))')).toEqual([]);
    for (const broken of ['', 'sum(', 'rate(a[5m)', 'up{job=} == 0', 'a b']) expect(syntaxErrors(broken)).not.toEqual([]);
  });
});

describe('cases for promtool', () => {
  test('a file an alert, and no other', () => {
    expect(readdirSync(casesDir).toSorted()).toEqual(names.map((name) => `${name}.yml`).toSorted());
  });

  test.each(alerts)('$alert: a case in which it fires, not before its time, and one in which it does not', ({ alert, for: wait }) => {
    const { rule_files, group_eval_order, tests } = readCases(alert);
    for (const file of rule_files) expect(existsSync(join(casesDir, file))).toBe(true);
    // what is not named here would be computed first, from what was recorded a step earlier
    expect(group_eval_order).toEqual(ruleFileNames.flatMap((name) => readRules(name).groups.map((group) => group.name)));
    const checks = tests.flatMap(({ alert_rule_test }) => alert_rule_test);
    expect(new Set(checks.map(({ alertname }) => alertname))).toEqual(new Set([alert]));
    const fires = tests.filter(({ alert_rule_test }) => alert_rule_test.some(({ exp_alerts }) => exp_alerts.length > 0));
    const quiet = tests.filter((one) => !fires.includes(one));
    expect(fires.length).toBeGreaterThan(0);
    expect(quiet.some(({ input_series }) => input_series.length > 0)).toBe(true);
    for (const { name } of fires) expect(name).toMatch(/^fires/);
    for (const { name } of quiet) expect(name).toMatch(/^does not fire/);
    const waits = fires.some(({ alert_rule_test }) => {
      const first = alert_rule_test.findIndex(({ exp_alerts }) => exp_alerts.length > 0);
      return first > 0 && durationMs(alert_rule_test[first]?.eval_time ?? '') > durationMs(wait);
    });
    expect(waits).toBe(true);
  });
});
