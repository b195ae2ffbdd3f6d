import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Admin } from '@platformatic/kafka';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { descendants, identity } from '../../../dev/setup/process-id.mjs';
import { startKafka } from '../../../dev/stack/kafka.ts';
import { startPostgres } from '../../../dev/stack/postgres.ts';
import { startS3 } from '../../../dev/stack/s3.ts';
import { freshDirectory } from '../../support/stack.ts';

async function topics(brokers: string): Promise<string[]> {
  const admin = new Admin({ clientId: 'stack-test', bootstrapBrokers: brokers.split(',') });
  try {
    return await admin.listTopics();
  } finally {
    await admin.close();
  }
}

async function createTopic(brokers: string, topic: string, replicas: number): Promise<void> {
  const admin = new Admin({ clientId: 'stack-test', bootstrapBrokers: brokers.split(',') });
  try {
    await admin.createTopics({ topics: [topic], partitions: 1, replicas });
  } finally {
    await admin.close();
  }
}

test('a cluster keeps its topics over SIGKILL, and over a start on other ports', async () => {
  const dir = freshDirectory('kafka');
  const first = await startKafka({ dir, brokers: 1 });
  await createTopic(first.brokers, 'kept', 1);
  await first.kill();
  expect(first.pids).toEqual([]);
  await first.start();
  expect(await topics(first.brokers)).toContain('kept');
  await first.stop();

  const [port] = first.brokers.split(':').slice(-1);
  const second = await startKafka({ dir, brokers: 1, ports: [Number(port) === 31_999 ? 31_998 : Number(port) + 1] });
  expect(second.clusterId).toBe(first.clusterId);
  expect(second.brokers).not.toBe(first.brokers);
  expect(await topics(second.brokers)).toContain('kept');
  await expect(startKafka({ dir, brokers: 3 })).rejects.toThrow('holds a cluster of 1');
  await second.stop();
});

test('three brokers serve on when one is killed', async () => {
  const kafka = await startKafka({ dir: freshDirectory('kafka'), brokers: 3 });
  await createTopic(kafka.brokers, 'three', 3);
  expect(kafka.pids).toHaveLength(3);
  await kafka.nodes[2]?.kill();
  expect(await topics(kafka.brokers.split(',').slice(0, 2).join(','))).toContain('three');
  await kafka.nodes[2]?.start();
  await kafka.stop();
});

test('PostgreSQL keeps its databases over SIGKILL and answers on the same port', async () => {
  const postgres = await startPostgres({ dir: freshDirectory('postgres') });
  const url = await postgres.createDatabase('kept');
  await postgres.kill();
  await postgres.restart();
  const client = new Client({ connectionString: url });
  await client.connect();
  expect((await client.query('SELECT current_database() AS name')).rows).toEqual([{ name: 'kept' }]);
  await client.end();
  expect(await postgres.createDatabase('kept')).toBe(url);

  // Held still in the middle of everything and then killed, it leaves none of its session processes behind.
  const processes = descendants(postgres.pid as number);
  postgres.pause();
  await postgres.kill();
  await expect.poll(() => processes.map((pid) => identity(pid))).toEqual(processes.map(() => undefined));
  await postgres.start();
  await postgres.stop();
});

test('the S3 server comes back after SIGKILL', async () => {
  const s3 = await startS3({ dir: freshDirectory('s3') });
  await s3.kill();
  await expect(fetch(`${s3.url}/health`)).rejects.toThrow();
  await s3.restart();
  expect((await fetch(`${s3.url}/health`)).status).toBe(200);
  await s3.stop();
});

test('nothing outlives a process that was killed', async () => {
  const s3 = new URL('../../../dev/stack/s3.ts', import.meta.url).href;
  const postgres = new URL('../../../dev/stack/postgres.ts', import.meta.url).href;
  const script = `
    import { startS3 } from ${JSON.stringify(s3)};
    import { startPostgres } from ${JSON.stringify(postgres)};
    const [a, b] = [await startS3({ dir: process.argv[1] + '/s3' }), await startPostgres({ dir: process.argv[1] + '/postgres' })];
    console.log(a.pid + ' ' + b.pid);
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module-typescript', '-e', script, freshDirectory('orphans')], {
    cwd: fileURLToPath(new URL('../../..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) => owner.stdout.once('data', (chunk) => resolve(String(chunk))));
  const pids = line.trim().split(' ').map(Number);
  expect(pids.map((pid) => identity(pid) !== undefined)).toEqual([true, true]);
  owner.kill('SIGKILL');
  await expect.poll(() => pids.map((pid) => identity(pid)), { timeout: 15_000 }).toEqual([undefined, undefined]);
});
