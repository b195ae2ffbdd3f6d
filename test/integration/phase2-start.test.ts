import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { startServices, waitFor } from '../support/services.ts';
import { freshBucket, freshDirectory } from '../support/stack.ts';

const phase1 = join(import.meta.dirname, '../../services/phase1-dumper/src/main.ts');
const phase2 = join(import.meta.dirname, '../../services/phase2-transformer/src/main.ts');
const endsWithinMs = 30_000;

/** Runs a phase with nothing in its environment but what is given, until it ends by itself. */
function runs(env: Readonly<Record<string, string>>, main = phase2): Promise<{ code: number; output: string }> {
  const dir = freshDirectory('start');
  const files = pathToFileURL(dir).href;
  const given = {
    PATH: process.env.PATH,
    MILLRACE_RAW_URL: `${files}/raw`,
    MILLRACE_TABLES_URL: `${files}/tables`,
    MILLRACE_STATE_DIR: dir,
    MILLRACE_ADMIN_PORT: '0',
    ...env,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [main], { env: given, timeout: endsWithinMs }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, output: stdout + stderr }),
    );
  });
}

describe('phase 2 refuses at start, with what to do', () => {
  it('R2 roots that are equal or one inside the other', async () => {
    for (const tables of ['file:///tmp/lake', 'file:///tmp/lake/raw/tables']) {
      const ended = await runs({ MILLRACE_RAW_URL: 'file:///tmp/lake/raw/..', MILLRACE_TABLES_URL: tables });
      expect(ended).toMatchObject({ code: 1, output: expect.stringContaining('must not be equal or one inside the other') });
    }
  });

  it('R2 roots that are one folder once links are followed', async () => {
    const dir = freshDirectory('links');
    mkdirSync(join(dir, 'raw'));
    symlinkSync(join(dir, 'raw'), join(dir, 'alias'));
    const roots = { MILLRACE_RAW_URL: `file://${dir}/raw`, MILLRACE_TABLES_URL: `file://${dir}/alias/tables` };
    const refused = { code: 1, output: expect.stringContaining('must not be equal or one inside the other') };
    expect(await runs(roots)).toMatchObject(refused);
    expect(await runs({ ...roots, KAFKA_BROKERS: '127.0.0.1:9' }, phase1)).toMatchObject(refused);
  });

  it('a root that can never be made, within seconds', async () => {
    const impossible = { code: 1, output: expect.stringContaining('Point it at a folder that exists or can be made') };
    for (const name of ['MILLRACE_RAW_URL', 'MILLRACE_TABLES_URL'])
      expect(await runs({ [name]: 'file:///proc/nosuch/root' })).toMatchObject(impossible);
    expect(await runs({ KAFKA_BROKERS: '127.0.0.1:9', MILLRACE_RAW_URL: 'file:///proc/nosuch/root' }, phase1)).toMatchObject(impossible);
  });

  it('a bucket that is missing and a key that is wrong', async () => {
    const { url, env } = freshBucket();
    const missing = await runs({ ...env, MILLRACE_RAW_URL: 's3://no-such-bucket-here/raw', MILLRACE_TABLES_URL: `${url}/tables` });
    expect(missing).toMatchObject({ code: 1, output: expect.stringContaining('the bucket does not exist') });
    const wrong = await runs({
      ...env,
      AWS_SECRET_ACCESS_KEY: 'wrong',
      MILLRACE_RAW_URL: `${url}/raw`,
      MILLRACE_TABLES_URL: `${url}/tables`,
    });
    expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining('AWS_SECRET_ACCESS_KEY') });
  });

  it('a port that is taken and a setting that is not one', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    const taken = await runs({ MILLRACE_ADMIN_PORT: String(port) });
    server.close();
    expect(taken).toMatchObject({ code: 1, output: expect.stringContaining(`port ${port} on 127.0.0.1 is taken`) });
    const unknown = await runs({ MILLRACE_BATCH_BYTE: '1' });
    expect(unknown).toMatchObject({ code: 1, output: expect.stringContaining('did you mean MILLRACE_BATCH_BYTES?') });
  });
});

it('phase 2 prints how many decode threads it has, also when the number is its own choice', async () => {
  // a start that fails after the configuration was printed
  const ended = await runs({ MILLRACE_LISTEN: '203.0.113.1' });
  expect(ended.code).toBe(1);
  expect(ended.output).toContain(`"MILLRACE_WORKER_THREADS":${Math.max(1, availableParallelism() - 1)}`);
});

describe('phase 2 waits', () => {
  it('for a store that is away at start, and says which', async () => {
    const { url, env } = freshBucket();
    const away = { ...env, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' };
    const services = await startServices({ rawUrl: `${url}/raw`, tablesUrl: `${url}/tables`, env: away, phase1: 0 });
    try {
      const ready = async () => (await fetch(`${services.phase2[0]?.adminUrl}/readyz?verbose`)).text();
      expect(await waitFor('said', ready, (text) => /\[-\]raw failed: .*127\.0\.0\.1:9|ECONNREFUSED/.test(text), 20_000)).toContain(
        '[-]table store',
      );
    } finally {
      await services.stop();
    }
  });
});
