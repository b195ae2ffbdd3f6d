import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { openDatabase } from '@millrace/metastore/store/database.ts';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Postgres, startPostgres } from '../../dev/stack/postgres.ts';
import { eventually, type MetastoreProcess, spawnMetastore, startMetastore } from '../support/metastore.ts';
import { freshDatabase, freshDirectory } from '../support/stack.ts';

const running: MetastoreProcess[] = [];
async function start(env: Readonly<Record<string, string>>): Promise<MetastoreProcess> {
  const service = await startMetastore(env);
  running.push(service);
  return service;
}
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.kill()));
});

const ready = async (service: MetastoreProcess) => (await fetch(`${service.url}/readyz`)).status === 200;
const verbose = async (service: MetastoreProcess) => (await fetch(`${service.url}/readyz?verbose`)).text();
const untilReady = (service: MetastoreProcess) => eventually('ready', () => ready(service), 60_000);
const input = { name: 'orders', kafkaTopic: 'orders' };

/** Stops or continues the server with its backends, each a process of its own. */
function freeze(postgres: Postgres, signal: 'SIGSTOP' | 'SIGCONT'): void {
  const pid = postgres.pid ?? 0;
  const backends = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  for (const one of [pid, ...backends]) process.kill(one, signal);
}

/** Runs a metastore that is expected to end by itself. */
async function runs(env: Readonly<Record<string, string>>): Promise<{ code: number | null; output: string }> {
  const { child, output } = spawnMetastore(env);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, output: output() };
}

describe('the database', () => {
  it('is migrated once by two that start together, and by none that start later', async () => {
    const DATABASE_URL = await freshDatabase();
    const both = await Promise.all([start({ DATABASE_URL }), start({ DATABASE_URL })]);
    for (const service of both) await untilReady(service);
    expect(both.filter((service) => service.output().includes('the database was migrated'))).toHaveLength(1);
    const later = await start({ DATABASE_URL });
    await untilReady(later);
    expect(later.output()).not.toContain('the database was migrated');
    await createMetastoreClient(both[0]?.url ?? '').createDataset(input);
    expect(await createMetastoreClient(later.url).datasets()).toHaveLength(1);
  });

  it('keeps what was registered over kill -9 and restart', async () => {
    const DATABASE_URL = await freshDatabase();
    const first = await start({ DATABASE_URL });
    await untilReady(first);
    const made = await createMetastoreClient(first.url).createDataset(input);
    await createMetastoreClient(first.url).pause('orders');
    await first.kill();
    const port = new URL(first.url).port;
    const second = await start({ DATABASE_URL, PORT: port, MILLRACE_ADMIN_PORT: new URL(first.adminUrl).port });
    await untilReady(second);
    expect(second.url).toBe(first.url);
    expect(await createMetastoreClient(second.url).dataset('orders')).toMatchObject({ id: made.id, version: 2, state: 'PAUSED' });
  });

  it('is refused, unchanged, when a newer version migrated it', async () => {
    const DATABASE_URL = await freshDatabase();
    const service = await start({ DATABASE_URL });
    await untilReady(service);
    await service.stop();
    const client = new Client({ connectionString: DATABASE_URL });
    await client.connect();
    await client.query("insert into schema_migrations (name, run_on) values ('000099_tomorrow', now())");
    await client.end();
    const refused = await runs({ DATABASE_URL });
    expect(refused.code).toBe(1);
    expect(refused.output).toContain('was migrated by a newer version of Millrace (000099_tomorrow)');
  });

  it('may be wrong at start: named with its cause, never with its password', async () => {
    const url = new URL(await freshDatabase());
    url.password = 'hunter2';
    url.pathname = '/nosuch';
    const service = await start({ DATABASE_URL: url.href });
    await eventually('the cause is told', async () => (await verbose(service)).includes('database "nosuch" does not exist'));
    expect(await verbose(service)).toContain(`[-]database failed: database ${url.host}/nosuch is away: `);
    expect(service.output()).not.toContain('hunter2');
    const refused = await fetch(`${service.url}/v1/datasets`);
    expect(refused.status).toBe(503);
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(refused.headers.get('retry-after')).toBe('2');
    expect((await fetch(`${service.url}/livez`)).status).toBe(200);
    expect((await fetch(`${service.adminUrl}/readyz`)).status).toBe(503);
  });
});

describe('the database goes and comes', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres({ dir: freshDirectory('metastore-postgres') });
  });
  afterAll(async () => {
    await postgres?.kill();
  });

  it.each([
    ['killed', () => postgres.kill(), () => postgres.start()],
    ['stopped in order', () => postgres.stop(), () => postgres.start()],
    ['frozen', () => freeze(postgres, 'SIGSTOP'), () => freeze(postgres, 'SIGCONT')],
  ])('%s: requests are refused in time, and it goes on by itself', async (_how, take, give) => {
    const DATABASE_URL = await postgres.createDatabase(`d${Date.now()}`);
    const service = await start({ DATABASE_URL });
    await untilReady(service);
    const client = createMetastoreClient(service.url);
    await client.createDataset(input);
    // This server acknowledges commits up to 0.6 s before they reach its log (synchronous_commit=off).
    await sleep(1_000);

    await take();
    const asked = Date.now();
    await expect(client.datasets()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(service.output()).not.toContain('a request failed');
    expect(Date.now() - asked).toBeLessThan(7_000);
    await eventually('not ready', async () => !(await ready(service)));
    expect(await verbose(service)).toContain(`[-]database failed: database 127.0.0.1:${postgres.port}/`);
    expect(await (await fetch(`${service.url}/metrics`)).text()).toContain('\nmillrace_database_up 0\n');

    await give();
    await untilReady(service);
    expect(await client.datasets()).toHaveLength(1);
    expect(service.output()).toContain('the database is there');
  });

  it('killed while a transaction is between two statements: the work fails, the process goes on', async () => {
    const log = createLogger('metastore', 'silent');
    const database = openDatabase(await postgres.createDatabase(`d${Date.now()}`), { log, onChange: () => undefined });
    const kept = database.keep();
    await eventually('migrated', () => database.check().ok);
    const work = database.transaction(async (db) => {
      await db.selectFrom('datasets').selectAll().execute();
      await postgres.kill();
      await sleep(500);
      await db.selectFrom('datasets').selectAll().execute();
    });
    // an error event of the connection that nobody listens to would end this process, and with it the test run
    await expect(work).rejects.toMatchObject({ kind: 'unavailable' });
    await postgres.start();
    await eventually('there again', () => database.check().ok);
    await database.close();
    await kept;
  });

  it('comes back empty: it is migrated again', async () => {
    const DATABASE_URL = await postgres.createDatabase('emptied');
    const service = await start({ DATABASE_URL });
    await untilReady(service);
    await createMetastoreClient(service.url).createDataset(input);
    const admin = new Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query('drop database emptied with (force)');
    await admin.end();
    await eventually('not ready', async () => !(await ready(service)));
    expect(await verbose(service)).toContain('database "emptied" does not exist');
    await postgres.createDatabase('emptied');
    await untilReady(service);
    expect(await createMetastoreClient(service.url).datasets()).toEqual([]);
  });

  it('away at start: it listens, waits and then works', async () => {
    const DATABASE_URL = await postgres.createDatabase('later');
    await postgres.stop();
    const service = await start({ DATABASE_URL });
    await eventually('the cause is told', async () => (await verbose(service)).includes('ECONNREFUSED'));
    await postgres.start();
    await untilReady(service);
    expect(await createMetastoreClient(service.url).createDataset(input)).toMatchObject({ version: 1 });
  });
});

describe('the process', () => {
  it('answers what is open, then ends, on SIGTERM', async () => {
    const service = await start({ DATABASE_URL: await freshDatabase() });
    await untilReady(service);
    const asked = Date.now();
    expect(await service.stop()).toBe(0);
    expect(Date.now() - asked).toBeLessThan(10_000);
    expect(service.output()).toContain('"msg":"stopped"');
  });

  it('ends within 10 s on SIGTERM when the database is frozen and a client dawdles, and at once on a second', async () => {
    const postgres = await startPostgres({ dir: freshDirectory('metastore-frozen') });
    const slow = async (DATABASE_URL: string) => {
      const service = await start({ DATABASE_URL });
      await untilReady(service);
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1', () =>
        socket.write('POST /datasets HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{'),
      );
      socket.on('error', () => undefined);
      return service;
    };
    try {
      const first = await slow(await postgres.createDatabase('first'));
      const second = await slow(await postgres.createDatabase('second'));
      freeze(postgres, 'SIGSTOP');
      void fetch(`${first.url}/datasets`).catch(() => undefined);
      void fetch(`${second.url}/datasets`).catch(() => undefined);
      await sleep(300);
      const asked = Date.now();
      first.signal('SIGTERM');
      second.signal('SIGTERM');
      await eventually('the second is stopping', () => second.output().includes('stopping'));
      second.signal('SIGTERM');
      expect(await second.ended()).toBe(1);
      expect(Date.now() - asked).toBeLessThan(2_000);
      expect(await first.ended()).toBe(0);
      expect(Date.now() - asked).toBeLessThan(10_000);
    } finally {
      await postgres.kill();
    }
  });

  it('names a taken port and its setting', async () => {
    const DATABASE_URL = await freshDatabase();
    const holder = await start({ DATABASE_URL });
    const port = new URL(holder.url).port;
    for (const variable of ['PORT', 'MILLRACE_ADMIN_PORT']) {
      const refused = await runs({ DATABASE_URL, [variable]: port });
      expect(refused.code).toBe(1);
      expect(refused.output).toContain(
        `port ${port} on 127.0.0.1 is taken: another process listens there. Stop it or set ${variable} to a free port`,
      );
    }
  });

  it('refuses settings it does not know, with a suggestion, and tells its own without secrets', async () => {
    const refused = await runs({ DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x', MILLRACE_ADMIN_PROT: '1' });
    expect(refused).toEqual({ code: 1, output: 'metastore: MILLRACE_ADMIN_PROT is not a setting; did you mean MILLRACE_ADMIN_PORT?\n' });
    expect(await runs({})).toMatchObject({ code: 1, output: expect.stringContaining('DATABASE_URL is missing') });
    const service = await start({
      DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x',
      MILLRACE_RAW_URL: 'file:///raw',
      MILLRACE_METASTORE_SERVICE_HOST: '10.0.0.1',
    });
    expect(service.output()).toContain('"DATABASE_URL":"(hidden)"');
    await eventually('the address is told', () => service.output().includes('127.0.0.1:1/x is away'));
    expect(service.output()).not.toContain('hunter2');
  });
});
