import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { createMetastoreClient, type MetastoreClient } from '../../src/client/client.ts';
import { dataset } from '../view/facts.ts';

const one: Dataset = { ...dataset(), state: 'RUNNING' };
let server: Server | undefined;
let asked: { method: string | undefined; url: string | undefined; key: string | string[] | undefined }[] = [];

/** A metastore that answers the n-th request as told; the last answer stands for all that follow. */
async function answering(...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]): Promise<MetastoreClient> {
  asked = [];
  const made = createServer((request, response) => {
    asked.push({ method: request.method, url: request.url, key: request.headers['idempotency-key'] });
    request.resume();
    answers[Math.min(asked.length, answers.length) - 1]?.(request, response);
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return createMetastoreClient(`http://127.0.0.1:${(made.address() as AddressInfo).port}/`);
}
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

const json = (status: number, body: unknown) => (_request: IncomingMessage, response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(typeof body === 'string' ? body : JSON.stringify(body));
};
const drop = (request: IncomingMessage) => request.socket.destroy();
const silence = () => undefined;
const problem = (status: number, detail: string) => json(status, { type: 'urn:x', title: 't', status, detail });

describe('the client', () => {
  it('repeats what may be repeated, and asks under the same key', async () => {
    const client = await answering(drop, problem(503, 'database away'), json(201, one));
    expect(await client.createDataset({ name: 'orders', kafkaTopic: 'orders.v1' })).toEqual(one);
    expect(asked).toHaveLength(3);
    expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
    expect(asked[0]?.key).toMatch(/./);
  });

  it('sends a key of its own with every write, the same with each attempt, and none with a question', async () => {
    const done = (_request: IncomingMessage, response: ServerResponse) => void response.writeHead(204).end();
    const client = await answering(drop, done);
    const report = { topic: 't', worker: 'w', topicId: null, notices: [], partitions: [] };
    await client.reportLanding(report);
    await client.reportLanding(report);
    const keys = asked.map(({ key }) => key);
    expect(keys.every((key) => typeof key === 'string' && key.length >= 16)).toBe(true);
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[0]);
    const questions = await answering(json(200, []));
    await questions.datasets();
    expect(asked.map(({ key }) => key)).toEqual([undefined]);
  });

  it('gives up after three attempts, naming address and cause', async () => {
    const client = await answering(problem(503, 'database 127.0.0.1:5432/x is away'));
    await expect(client.datasets()).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(/^metastore http:\/\/127.0.0.1:\d+: database 127.0.0.1:5432\/x is away$/),
    });
    expect(asked).toHaveLength(3);
  });

  it('says by its id which dataset a schema version is of', async () => {
    const client = await answering((_request, response) => void response.writeHead(204).end());
    const rest = { schema: {}, diff: [], ranges: {}, reason: null, createdAt: 'now' };
    await client.putSchemaVersion(one, { version: 3, kind: 'INITIAL', state: 'ACTIVE', ...rest });
    expect(asked.map(({ url }) => url)).toEqual([`/v1/datasets/${one.name}/schemas/3?datasetId=${one.id}`]);
  });

  it('sends a DELETE once', async () => {
    const client = await answering(drop);
    await expect(client.deleteDataset('orders')).rejects.toMatchObject({ kind: 'unavailable' });
    expect(asked).toHaveLength(1);
  });

  it('ends within its own deadline when nobody answers, and at once when it is told to', async () => {
    const client = await answering(silence);
    const begun = performance.now();
    await expect(client.datasets(AbortSignal.timeout(100))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(performance.now() - begun).toBeLessThan(2_000);
    await expect(client.datasets()).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('did not answer within 5000 ms'),
    });
    expect(performance.now() - begun).toBeLessThan(9_000);
  });

  it.each([
    [404, 'invalid', 'not_found'],
    [409, 'conflict', 'metastore_conflict'],
    [412, 'conflict', 'metastore_conflict'],
    [400, 'invalid', 'metastore_refused'],
    [422, 'invalid', 'metastore_refused'],
  ])('turns %i into kind %s, and asks once', async (status, kind, code) => {
    const client = await answering(problem(status, 'because'));
    await expect(client.dataset('orders')).rejects.toMatchObject({ kind, code, message: 'because' });
    expect(asked).toHaveLength(1);
  });

  it('tells every error of a refused dataset', async () => {
    const client = await answering(
      json(400, { type: 'urn:x', title: 't', status: 400, errors: [{ pointer: '#/name', detail: 'is required' }] }),
    );
    await expect(client.createDataset({ name: '', kafkaTopic: '' })).rejects.toThrow('t; #/name is required');
  });

  it('tells each reason once', async () => {
    const errors = [{ pointer: '#/colour', detail: 'is not a known member' }];
    const client = await answering(json(400, { type: 'urn:x', title: 't', status: 400, detail: '#/colour is not a known member', errors }));
    await expect(client.createDataset({ name: '', kafkaTopic: '' })).rejects.toMatchObject({ message: '#/colour is not a known member' });
  });

  it.each([['<html>hello</html>'], [{ name: 'orders' }], [[]]])('takes %j for no metastore', async (body) => {
    const client = await answering(json(200, body));
    await expect(client.dataset('orders')).rejects.toMatchObject({ kind: 'unavailable', code: 'metastore_unreadable' });
  });

  it('follows pages until one is short', async () => {
    const page = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...one, name: `d${String(from + index).padStart(4, '0')}` }));
    const client = await answering(json(200, page(0, 500)), json(200, page(500, 500)), json(200, page(1_000, 3)));
    expect(await client.datasets()).toHaveLength(1_003);
    expect(asked.map(({ url }) => url)).toEqual([
      '/v1/datasets?limit=500&after=',
      '/v1/datasets?limit=500&after=d0499',
      '/v1/datasets?limit=500&after=d0999',
    ]);
  });
});
