import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../dev/stack/ports.ts';
import { startPostgres } from '../../dev/stack/postgres.ts';
import { type MetastoreProcess, startMetastore } from '../support/metastore.ts';
import { freshDatabase, freshDirectory } from '../support/stack.ts';
import { diagnose, expectFailure, failed, folders } from './doctor-world.ts';

/*
 * Planted faults of machine, settings, database and metastore: `millrace doctor` names each, says how to mend it, and ends with 1.
 */

const MiB = 2 ** 20;
const migrationNames = ['000001_datasets', '000002_losses'];

let metastore: MetastoreProcess;
let withoutDatabase: MetastoreProcess;

beforeAll(async () => {
  const nobody = await freePort();
  [metastore, withoutDatabase] = await Promise.all([
    freshDatabase().then((url) => startMetastore({ DATABASE_URL: url })),
    startMetastore({ DATABASE_URL: `postgres://x@127.0.0.1:${nobody}/x` }),
  ]);
});
afterAll(() => Promise.all([metastore.kill(), withoutDatabase.kill()]));

/** A database whose migrations are these, as far as anybody can see. */
async function databaseWith(migrations: readonly string[]): Promise<string> {
  const url = await freshDatabase();
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('create table schema_migrations (id serial primary key, name text not null, run_on timestamp not null default now())');
  for (const name of migrations) await client.query('insert into schema_migrations (name) values ($1)', [name]);
  await client.end();
  return url;
}

test('all is well: every line is ok, and the exit code is 0', async () => {
  const url = await databaseWith(migrationNames);
  const found = await diagnose({ ...folders(), DATABASE_URL: url, MILLRACE_METASTORE_URL: metastore.url }, ['--role', 'phase2,metastore']);
  expect(failed(found)).toEqual([]);
  expect(found.code).toBe(0);
  expect(found.checks.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'settings',
      'node',
      'memory',
      'disk',
      'clock',
      'raw store',
      'table store',
      'database',
      'metastore',
      'datasets',
    ]),
  );
});

test('a setting nobody knows is named with the one that was meant', async () => {
  const found = await diagnose({ ...folders(), MILLRACE_SEAL_BYTE: '1048576' }, ['--role', 'phase2']);
  expectFailure(found, 'settings', /MILLRACE_SEAL_BYTE is not a setting; did you mean MILLRACE_SEAL_BYTES/, /rename or remove it/);
});

test('a setting that cannot be understood is named without its value, the others are still looked at', async () => {
  const found = await diagnose({ ...folders(), DATABASE_URL: 'mysql://root:canary-0815@db/x' });
  expectFailure(found, 'settings', /^DATABASE_URL: must be postgres:/, /correct DATABASE_URL/);
  expect(found.text).not.toContain('canary-0815');
  expect(found.checks.some(({ name }) => name === 'table store')).toBe(true);
});

test('roots that lie in one another are refused', async () => {
  const { MILLRACE_RAW_URL: raw, ...others } = folders();
  const found = await diagnose({ ...others, MILLRACE_RAW_URL: raw, MILLRACE_TABLES_URL: `${raw}/tables` }, ['--role', 'phase2']);
  expectFailure(found, 'settings', /must not be equal or one inside the other/, /folders beside each other/);
});

test('a Node that is too old', async () => {
  const found = await diagnose(folders(), ['--role', 'phase2'], { nodeVersion: 'v20.11.1' });
  expectFailure(found, 'node', /v20\.11\.1 is too old: 22\.22 or newer/, /Node 24/);
});

test('a memory limit below what the buffers may take', async () => {
  const found = await diagnose({ ...folders(), KAFKA_BROKERS: '127.0.0.1:1' }, ['--role', 'phase1'], { memoryLimitBytes: 256 * MiB });
  expectFailure(
    found,
    'memory',
    /the container's limit is 256 MiB, and phase1 may take 704 MiB/,
    /raise the memory limit to 704 MiB or more, or lower MILLRACE_BUFFER_BYTES_MAX/,
  );
});

test('a state folder that cannot be written', async () => {
  const file = join(freshDirectory('doctor'), 'file');
  writeFileSync(file, '');
  const found = await diagnose({ ...folders(), MILLRACE_STATE_DIR: join(file, 'state') }, ['--role', 'phase2']);
  expectFailure(found, 'disk', /file\/state cannot be made/, /right to write there.*point MILLRACE_STATE_DIR elsewhere/);
});

test.skipIf(process.getuid?.() !== 0 || process.env.MILLRACE_TEST_NO_MOUNT === '1')('a full disk', async () => {
  const dir = freshDirectory('full');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', dir], { stdio: 'pipe' });
  } catch {
    // no right to mount here: the decision has its own test
    return;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', dir]));
  mkdirSync(join(dir, 'state'));
  writeFileSync(join(dir, 'ballast'), Buffer.alloc(100 * 1024));
  const found = await diagnose({ ...folders(), MILLRACE_STATE_DIR: join(dir, 'state') }, ['--role', 'phase2']);
  expectFailure(found, 'disk', /state is full: ENOSPC/, /free space on its volume or enlarge it/);
});

test('a database that is away', async () => {
  const port = await freePort();
  const found = await diagnose({ DATABASE_URL: `postgres://millrace:canary-4711@127.0.0.1:${port}/millrace` });
  expectFailure(
    found,
    'database',
    new RegExp(`127.0.0.1:${port}/millrace: connect ECONNREFUSED`),
    /start PostgreSQL, or correct host and port/,
  );
  expect(found.text).not.toContain('canary-4711');
});

test('a database that takes connections and says nothing is given up in time', async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as { port: number };
  const found = await diagnose({ DATABASE_URL: `postgres://millrace@127.0.0.1:${port}/millrace` });
  expectFailure(found, 'database', /timeout/, /PostgreSQL/);
});

test('a wrong password', async () => {
  const own = await startPostgres({ dir: freshDirectory('postgres') });
  onTestFinished(() => own.kill());
  const admin = new Client({ connectionString: own.url });
  await admin.connect();
  await admin.query("create role millrace login password 'right'");
  const { rows } = await admin.query<{ setting: string }>("select setting from pg_settings where name = 'hba_file'");
  writeFileSync(rows[0]?.setting ?? '', 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n');
  await admin.query('select pg_reload_conf()');
  await admin.end();
  const wrong = new URL(own.url);
  wrong.username = 'millrace';
  wrong.password = 'canary-wrong-password';
  const found = await diagnose({ DATABASE_URL: wrong.href });
  expectFailure(found, 'database', /password authentication failed/, /correct user and password in DATABASE_URL/);
  expect(found.text).not.toContain('canary-wrong-password');
});

test('migrations of a newer version, and migrations that are missing', async () => {
  const [newer, older] = await Promise.all([
    databaseWith([...migrationNames, '000999_future']).then((url) => diagnose({ DATABASE_URL: url })),
    databaseWith(migrationNames.slice(0, 1)).then((url) => diagnose({ DATABASE_URL: url })),
  ]);
  expectFailure(newer, 'database', /newer version of Millrace \(000999_future\)/, /upgrade the services/);
  expectFailure(older, 'database', /lacks 1 migrations of this version \(000002_losses\)/, /restart the metastore/);
});

test('a metastore that is away: its datasets are not looked at, and everything else is', async () => {
  const port = await freePort();
  const found = await diagnose({ ...folders(), MILLRACE_METASTORE_URL: `http://127.0.0.1:${port}` }, ['--role', 'phase2']);
  expectFailure(found, 'metastore', /does not answer .*ECONNREFUSED/, /start the metastore, or correct MILLRACE_METASTORE_URL/);
  expect(failed(found)).toEqual(['metastore']);
});

test('a metastore whose database is away is not ready, and says so', async () => {
  const found = await diagnose({ ...folders(), MILLRACE_METASTORE_URL: withoutDatabase.url }, ['--role', 'phase2']);
  expectFailure(found, 'metastore', /is not ready: database failed/, /mend what it names/);
});

test('wrong usage ends with 2 and looks at nothing', async () => {
  await expect(diagnose({}, ['--role', 'phase9'])).rejects.toThrow(/phase9 is none of phase1, phase2, metastore/);
});

test('an environment that names nothing is a failure that says so', async () => {
  expectFailure(await diagnose({}), 'settings', /there is nothing to look at/, /environment of the services/);
});
