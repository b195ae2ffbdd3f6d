import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';
import { chart } from '../../dev/chart/files.ts';

export type Values = { [name: string]: unknown };

/** The four sets of values that the chart is rendered for, by name. */
export const valueSets = readdirSync(join(chart, 'ci')).map((file) => ({
  name: file.replace('-values.yaml', ''),
  file: join(chart, 'ci', file),
}));

export const readValues = (file: string) => parse(readFileSync(file, 'utf8')) as Values;

const isMap = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values over the chart's defaults, as Helm merges them: maps member by member, anything else whole. Pure. */
export function merged(defaults: Values, given: Values): Values {
  const both = { ...defaults };
  for (const [name, value] of Object.entries(given)) both[name] = isMap(value) && isMap(both[name]) ? merged(both[name], value) : value;
  return both;
}

let validate: ValidateFunction | undefined;

/** What the schema of the values says of some; empty when they are fine. */
export function valueProblems(given: Values): string[] {
  validate ??= new Ajv({ allErrors: true, strict: false }).compile(readSchema());
  validate(merged(readValues(join(chart, 'values.yaml')), given));
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }: ErrorObject) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

const readSchema = () => JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as object;
