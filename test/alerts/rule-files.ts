import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/* The rule files as they are shipped, and the cases that prove them. */

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const rulesDir = join(root, 'deploy', 'prometheus');
export const casesDir = join(root, 'test', 'alerts', 'rules');
export const ruleFileNames = ['recording.yml', 'alerts.yml'] as const;

/** Every alert's page lies here; whoever hosts the pages elsewhere replaces this one address. */
export const runbookBase = 'https://github.com/millrace/millrace/blob/main/docs/runbooks/';

export type AlertRule = { alert: string; expr: string; for: string; labels: Record<string, string>; annotations: Record<string, string> };
export type RecordingRule = { record: string; expr: string };
export type Group = { name: string; interval?: string; rules: (AlertRule | RecordingRule)[] };
export type RuleFile = { groups: Group[] };

/** One `promtool test rules` file, as far as we look at it. */
export type CaseFile = {
  rule_files: string[];
  group_eval_order: string[];
  tests: {
    name: string;
    input_series: { series: string; values: string }[];
    alert_rule_test: { eval_time: string; alertname: string; exp_alerts: unknown[] }[];
  }[];
};

export const readYaml = (path: string): unknown => parse(readFileSync(path, 'utf8'));

export const readRules = (name: (typeof ruleFileNames)[number]): RuleFile => readYaml(join(rulesDir, name)) as RuleFile;

export const isAlert = (rule: AlertRule | RecordingRule): rule is AlertRule => 'alert' in rule;

export const alertsOf = (file: RuleFile): AlertRule[] => file.groups.flatMap(({ rules }) => rules).filter(isAlert);

export const recordingsOf = (file: RuleFile): RecordingRule[] =>
  file.groups.flatMap(({ rules }) => rules).filter((rule): rule is RecordingRule => !isAlert(rule));

export const readCases = (alert: string): CaseFile => readYaml(join(casesDir, `${alert}.yml`)) as CaseFile;
