import { join } from 'node:path';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { root } from '../../dev/setup/paths.mjs';
import { freshDatabase, freshDirectory } from '../support/stack.ts';
import { type Place, runEntry } from './entry.ts';

/** The entry of the image, run from the checkout. */
const place: Place = { node: process.execPath, entry: join(root, 'deploy/entrypoint.mjs'), cwd: freshDirectory('entry'), env: {} };

test('migrate brings a database to this version once, ends, and refuses one of a newer version', async () => {
  const url = await freshDatabase();
  const migrate = () => runEntry(place, ['migrate'], { DATABASE_URL: url });
  const first = await migrate();
  expect(first, first.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('"migrations":["000001_datasets"') });
  const second = await migrate();
  expect(second).toMatchObject({ code: 0, stdout: expect.not.stringContaining('"migrations"') });

  const database = new Client({ connectionString: url });
  await database.connect();
  try {
    await database.query('select count(*) from datasets');
    await database.query("insert into schema_migrations (name, run_on) values ('999999_from_the_future', now())");
  } finally {
    await database.end();
  }
  expect(await migrate()).toMatchObject({ code: 1, stderr: expect.stringContaining('999999_from_the_future') });
});

test('what it cannot do it refuses with exit 2, and a health check of nobody with exit 1', async () => {
  const cases = [[], ['phase3'], ['toString'], ['phase1', '--help'], ['ready', 'kafka']];
  const endings = await Promise.all(cases.map((args) => runEntry(place, args)));
  expect(endings.map(({ code }) => code)).toEqual(cases.map(() => 2));
  const live = await runEntry(place, ['live', 'phase1'], { MILLRACE_ADMIN_PORT: '9' });
  expect(live).toMatchObject({ code: 1, stderr: expect.stringContaining('http://127.0.0.1:9/livez: ') });
});
