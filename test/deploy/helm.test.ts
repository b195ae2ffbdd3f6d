import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chart } from '../../dev/chart/files.ts';
import { merged, readValues, type Values, valueProblems, valueSets } from './chart-values.ts';

const minimal = readValues(join(chart, 'ci/minimal-values.yaml'));
const over = (values: Values) => valueProblems(merged(minimal, values));

describe('the schema of the values', () => {
  it.each(valueSets)('accepts the set "$name"', ({ file }) => expect(valueProblems(readValues(file))).toEqual([]));

  it('asks for what nobody can guess', () => {
    const problems = valueProblems({}).join('\n');
    for (const place of ['/existingSecret', '/kafka/brokers', '/stores/rawUrl', '/stores/tablesUrl']) expect(problems).toContain(place);
  });

  it('refuses a setting that no service knows, and one that a value of the chart gives', () => {
    expect(over({ settings: { MILLRACE_SEAL_BYTE: 1 } }).join()).toContain('MILLRACE_SEAL_BYTE');
    expect(over({ phase1: { settings: { KAFKA_BROKERS: 'other:9092' } } }).join()).toContain('KAFKA_BROKERS');
    expect(over({ phase1: { settings: { MILLRACE_ANNOUNCEMENTS_TOPIC: 'mine' } } }).join()).toContain('MILLRACE_ANNOUNCEMENTS_TOPIC');
    expect(over({ settings: { MILLRACE_ANNOUNCEMENTS_TOPIC: 'mine' } })).toEqual([]);
  });

  it('refuses misspelt values, brokers without a port and stores that are none', () => {
    expect(over({ podmonitor: { enabled: true } }).join()).toContain('podmonitor');
    expect(over({ kafka: { brokers: 'kafka' } }).join()).toContain('/kafka/brokers');
    expect(over({ stores: { rawUrl: 'lake/raw' } }).join()).toContain('/stores/rawUrl');
    expect(over({ phase2: { terminationGracePeriodSeconds: 10 } }).join()).toContain('/phase2/terminationGracePeriodSeconds');
  });

  it('knows every default, and says of every map what may stand in it', () => {
    expect(valueProblems(minimal)).toEqual([]);
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as { additionalProperties: boolean };
    expect(schema.additionalProperties).toBe(false);
  });
});

describe('the chart', () => {
  it('is of the version of the project', () => {
    const { version } = JSON.parse(readFileSync(join(chart, '../../../package.json'), 'utf8')) as { version: string };
    expect(parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8'))).toMatchObject({ name: 'millrace', appVersion: version });
  });

  it('reads every one of its values in some template', () => {
    const files = readdirSync(join(chart, 'templates'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const text = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8')).join('\n');
    for (const name of leaves(readValues(join(chart, 'values.yaml')))) expect(new RegExp(`\\.${name}\\b`).test(text), name).toBe(true);
  });
});

/** Names of members at any depth that hold no map of free names. Pure. */
function leaves(values: Values): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isMap && !free.has(name) ? [name, ...leaves(value as Values)].filter((each) => !roles.has(each)) : roles.has(name) ? [] : [name];
  });
}

/** Maps whose members are other people's words. */
const free = new Set([
  'settings',
  'annotations',
  'labels',
  'podLabels',
  'podAnnotations',
  'resources',
  'commonLabels',
  'metadata',
  'nodeSelector',
  'affinity',
]);
/** Members that templates reach by `index`. */
const roles = new Set(['phase1', 'phase2', 'metastore']);
