import { cliSettings } from '@millrace/cli/config.ts';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import { config as metastoreSettings } from '@millrace/metastore/config.ts';
import { phase1Settings } from '@millrace/phase1-dumper/config.ts';
import { config as phase2Settings } from '@millrace/phase2-transformer/config.ts';
import { z } from 'zod';
import { code, GENERATED, page, prose, table } from './markdown.ts';

/** Who reads settings, by the letter of the table. */
const READERS: readonly (readonly [letter: string, name: string, shape: Readonly<Record<string, z.ZodType>>])[] = [
  ['1', 'phase 1', phase1Settings.shape],
  ['2', 'phase 2', phase2Settings.shape],
  ['M', 'the metastore', metastoreSettings.shape],
  ['C', 'the command line', cliSettings.shape],
];

/** `docs/reference/configuration.md`. Pure. */
export function configurationPage(): string {
  const named = READERS.map(([letter, name]) => `${letter}: ${name}`).join(', ');
  return page(
    GENERATED,
    '# Configuration',
    `By environment variables only. A \`MILLRACE_*\` key that no service knows is refused with a suggestion, so a slip of the fingers never means the default. A key of one service may be set for all of them. An empty value counts as none. Read by ${named}.`,
    table(['Setting', 'Default', 'Allowed', 'Read by', 'Meaning'], settingNames().map(row)),
    "Object stores are reached by the AWS SDK, which reads its own variables (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL_S3`, a profile, a web identity or the machine's role). Tracing is off unless the standard `OTEL_*` variables name a collector ([traces](../operations.md#traces)). `MALLOC_ARENA_MAX=2` saves some 40 MiB with glibc ([memory](../operations.md#memory)).",
  );
}

/** Every setting in the order of the code; those that a service has for itself come last. */
function settingNames(): string[] {
  return [...new Set([...Object.keys(settingShapes), ...READERS.flatMap(([, , shape]) => Object.keys(shape))])];
}

function row(name: string): string[] {
  const readers = READERS.filter(([, , shape]) => name in shape);
  const shape = (settingShapes as Readonly<Record<string, z.ZodType>>)[name] ?? readers[0]?.[2][name];
  if (shape === undefined) throw new Error(`${name} has no shape`);
  return [code(name), defaults(name, readers), allowed(shape), readers.map(([letter]) => letter).join(' '), prose(description(shape))];
}

/** The default, of each service where they differ. */
function defaults(name: string, readers: typeof READERS): string {
  const own = readers.map(([letter, , service]) => {
    const parsed = (service[name] as z.ZodType).safeParse(undefined);
    const text = !parsed.success ? 'required' : parsed.data === undefined ? 'none' : code(String(parsed.data));
    return { letter, text };
  });
  const texts = [...new Set(own.map(({ text }) => text))];
  if (texts.length === 1) return texts[0] ?? '';
  const readersOf = (text: string) => own.filter((one) => one.text === text).map(({ letter }) => letter);
  return texts.map((text) => `${text} ${readersOf(text).join(' ')}`).join(', ');
}

/** The values a setting takes, as far as its schema says it in short. */
function allowed(shape: z.ZodType): string {
  const schema = z.toJSONSchema(shape, { io: 'output', unrepresentable: 'any' });
  if (schema.enum !== undefined) return schema.enum.map((value) => code(String(value))).join(' ');
  if (typeof shape.safeParse(undefined).data === 'boolean') return '`true` `false`';
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`;
  return '';
}

const description = (shape: z.ZodType): string => {
  const text = shape.meta()?.description;
  if (text === undefined) throw new Error('a setting without description');
  return text;
};
