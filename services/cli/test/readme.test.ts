import { readFileSync } from 'node:fs';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import { expect, test } from 'vitest';

const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
const rows = new Map([...readme.matchAll(/^\| `([A-Z0-9_]+)` \|([^|]*)\|/gm)].map(([, name, fallback]) => [name, (fallback ?? '').trim()]));

test('the configuration table of the README names every setting with its default, and no other', () => {
  expect([...rows.keys()].sort()).toEqual([...Object.keys(settingShapes), 'MILLRACE_ADMIN_PORT'].sort());
  for (const [name, shape] of Object.entries(settingShapes)) {
    const parsed = shape.safeParse(undefined);
    if (!parsed.success) expect(rows.get(name), name).toBe('required');
    else if (parsed.data !== undefined) expect(rows.get(name), name).toBe(`\`${parsed.data}\``);
  }
});
