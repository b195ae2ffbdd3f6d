import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openS3Client } from '../../../src/adapters/s3/s3-client.ts';
import { S3Store } from '../../../src/adapters/s3/s3-store.ts';

const keys = { accessKeyId: 'k', secretAccessKey: 's' };
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-s3-client-'));
  vi.stubEnv('AWS_CONFIG_FILE', join(dir, 'config'));
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(dir, 'credentials'));
  for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

async function endpoint(given: string | undefined): Promise<string> {
  const opened = await openS3Client({ endpoint: given, region: 'eu-west-1', credentials: keys });
  opened.client.destroy();
  return opened.endpoint;
}

describe('the address in messages is the one that requests go to', () => {
  it.each(['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'])('%s', async (name) => {
    vi.stubEnv(name, 'http://store.example:9000/');
    expect(await endpoint(undefined)).toBe('http://store.example:9000');
    expect(await endpoint('https://given.example')).toBe('https://given.example');
  });

  it("a profile's endpoint", async () => {
    vi.stubEnv('AWS_PROFILE', 'apart');
    writeFileSync(join(dir, 'config'), '[profile apart]\nendpoint_url = http://profile.example:9001\n');
    expect(await endpoint(undefined)).toBe('http://profile.example:9001');
  });

  it('AWS itself when nothing says otherwise', async () => {
    expect(await endpoint(undefined)).toBe('s3.eu-west-1.amazonaws.com');
  });

  it('an error names it', async () => {
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://127.0.0.1:9');
    const store = new S3Store('bucket', 'raw', { forcePathStyle: true, credentials: keys });
    await expect(store.putIfAbsent('key', new Uint8Array(1))).rejects.toThrow('at http://127.0.0.1:9:');
    await store.close();
  });
});
