import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { prometheusTool } from '../../../dev/setup/paths.mjs';
import { metricsOf } from '../../support/promql.ts';
import { freshDirectory } from '../../support/stack.ts';
import { type AlertRule, alertsOf, casesDir, readCases, readRules, recordingsOf, ruleFileNames, rulesDir } from '../rule-files.ts';
import { durationMs } from '../shortened.ts';

/*
 * Prometheus' own judgement of the rules, at their true durations, and of the cases: a rule that waits longer or not at all, never fires, or lacks
 * one of its guards must not pass them.
 */

const WITHIN_MS = 600_000;
const alerts = alertsOf(readRules('alerts.yml'));
const recordings = recordingsOf(readRules('recording.yml'));

function promtool(...args: string[]): Promise<{ code: number; output: string }> {
  const command = prometheusTool('promtool');
  if (command === undefined) throw new Error('promtool is missing: `npm run test:alerts` brings it');
  return new Promise((resolve) => {
    execFile(command, args, { cwd: rulesDir, timeout: WITHIN_MS }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, output: `${stdout}${stderr}` }),
    );
  });
}

test('promtool accepts the rules', async () => {
  expect(await promtool('check', 'rules', ...ruleFileNames)).toMatchObject({ code: 0 });
});

test('promtool accepts prometheus.yml', async () => {
  expect(await promtool('check', 'config', 'prometheus.yml')).toMatchObject({ code: 0 });
});

test.each(alerts)('$alert fires and does not fire as its cases say', { timeout: WITHIN_MS }, async ({ alert }) => {
  const { code, output } = await promtool('test', 'rules', join(casesDir, `${alert}.yml`));
  expect(output).toContain('SUCCESS');
  expect(code).toBe(0);
});

/** What an alert is computed from, directly or not. */
function neededBy(expr: string, found = new Set<string>()): ReadonlySet<string> {
  for (const name of metricsOf(expr)) {
    const recording = recordings.find(({ record }) => record === name);
    if (recording === undefined || found.has(name)) continue;
    found.add(name);
    neededBy(recording.expr, found);
  }
  return found;
}

/** Runs an alert's cases against another version of it, alone with what it needs. @returns whether they pass */
async function passes(rule: AlertRule): Promise<boolean> {
  const dir = freshDirectory('rules');
  const needed = neededBy(rule.expr);
  const recording = readRules('recording.yml')
    .groups.map((group) => ({ ...group, rules: recordingsOf({ groups: [group] }).filter(({ record }) => needed.has(record)) }))
    .filter(({ rules }) => rules.length > 0);
  const groups = [...recording, { name: 'changed', rules: [rule] }];
  const [rules, cases] = [join(dir, 'rules.yml'), join(dir, 'cases.yml')];
  writeFileSync(rules, stringify({ groups }));
  writeFileSync(cases, stringify({ ...readCases(rule.alert), rule_files: [rules], group_eval_order: groups.map(({ name }) => name) }));
  const { code, output } = await promtool('test', 'rules', cases);
  // a version that is no rule at all proves nothing
  expect(output).not.toMatch(/could not parse|bad_data|yaml:/);
  return code === 0;
}

/** The rule's guards: each whole line that narrows what stands above it. */
const guards = (expr: string) => expr.split('\n').filter((line) => /^(unless|and) /.test(line));

/** Versions of a rule that are wrong, each in one way. Pure. */
function spoilt(rule: AlertRule): Record<string, AlertRule> {
  return {
    'waits twice as long': { ...rule, for: `${(2 * durationMs(rule.for)) / 1_000}s` },
    'does not wait': { ...rule, for: '0s' },
    'never fires': { ...rule, expr: `(${rule.expr}) and on () (vector(1) == 0)` },
    ...Object.fromEntries(guards(rule.expr).map((guard) => [`without ${guard}`, { ...rule, expr: rule.expr.replace(guard, '') }])),
  };
}

describe('no spoilt version of a rule passes its cases', () => {
  test.each(alerts)('$alert', { timeout: WITHIN_MS }, async (rule) => {
    expect(await passes(rule)).toBe(true);
    const unnoticed: string[] = [];
    for (const [how, changed] of Object.entries(spoilt(rule))) if (await passes(changed)) unnoticed.push(how);
    expect(unnoticed).toEqual([]);
  });
});
