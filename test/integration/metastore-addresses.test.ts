import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MetastoreUnderTest, metastoreUnderTest } from './metastore-harness.ts';

let under: MetastoreUnderTest;
let service: MetastoreUnderTest['service'];
let call: MetastoreUnderTest['call'];
beforeAll(async () => {
  under = await metastoreUnderTest();
  ({ service, call } = under);
});
afterAll(() => under?.stop());

describe('addresses', () => {
  it.each(['%00', 'UPPER', '..%2f', '%ff', 'x'.repeat(5_000)])('no dataset is named %s', async (name) => {
    const reply = await call('GET', `/v1/datasets/${name}`);
    expect(reply.status).toBe(name === '%ff' ? 400 : 404);
    expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('tell what is possible there', async () => {
    const reply = await call('PATCH', '/datasets');
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('GET, POST');
    expect((await call('GET', '/v2/datasets')).status).toBe(404);
  });

  it('show health and metrics on both ports', async () => {
    for (const base of [service.url, service.adminUrl]) {
      for (const path of ['/livez', '/readyz', '/readyz?verbose', '/health', '/metrics'])
        expect((await fetch(base + path)).status).toBe(200);
      expect(await (await fetch(`${base}/metrics`)).text()).toMatch(/\nmillrace_database_up 1\n/);
    }
  });

  it('serve documents that need no network', async () => {
    for (const base of ['', '/v1']) {
      const page = await (await fetch(`${service.url}${base}/docs`)).text();
      const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
      expect(links).toHaveLength(4);
      for (const link of links) {
        expect(link).toMatch(/^\//);
        expect((await fetch(service.url + link)).status).toBe(200);
      }
      expect(await (await fetch(`${service.url}${base}/docs/start.js`)).text()).toContain(`url: "${base}/openapi.json"`);
    }
  });
});
