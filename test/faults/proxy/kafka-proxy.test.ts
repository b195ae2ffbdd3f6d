import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import kafka, { type KafkaConsumer, type Message } from '@confluentinc/kafka-javascript';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { produce, withAdmin } from '../../integration/phase1-harness.ts';
import { freshTopic, kafkaBrokers, uniqueName } from '../../support/stack.ts';
import { type KafkaFaultProxy, startKafkaProxy } from './kafka-proxy.ts';

const withinMs = 60_000;
let proxy: KafkaFaultProxy;
beforeAll(async () => {
  proxy = await startKafkaProxy(kafkaBrokers());
});
afterAll(() => proxy.close());

/** A member of a group of its own that reads everything through the proxy. */
async function reader(topic: string): Promise<{ consumer: KafkaConsumer; got: number[] }> {
  const got: number[] = [];
  const consumer = new kafka.KafkaConsumer(
    { 'bootstrap.servers': proxy.brokers, 'group.id': uniqueName('group'), 'fetch.wait.max.ms': 100 },
    { 'auto.offset.reset': 'earliest' },
  );
  consumer.on('data', ({ partition }: Message) => {
    got[partition] = (got[partition] ?? 0) + 1;
  });
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  consumer.subscribe([topic]);
  consumer.consume();
  return { consumer, got };
}

test('clients know the brokers by the proxy alone', async () => {
  const real = kafkaBrokers().split(',');
  const metadata = await withAdmin((admin) => admin.metadata({ topics: [], forceUpdate: true }), proxy.brokers);
  const told = [...metadata.brokers.values()].map(({ host, port }) => `${host}:${port}`);
  expect(told.length).toBe(real.length);
  for (const address of told) expect(real).not.toContain(address);
  expect(proxy.broker(real[0] ?? '')?.connections).toBeGreaterThan(0);
});

test('a starved partition brings nothing while others and the group go on, until it is fed', async () => {
  const topic = await freshTopic({ partitions: 2 });
  await produce(topic, 2, 0, 20);
  const { consumer, got } = await reader(topic);
  try {
    await expect.poll(() => [...got], { timeout: withinMs }).toEqual([10, 10]);
    proxy.starve(topic, 0);
    await produce(topic, 2, 20, 20, { 'bootstrap.servers': proxy.brokers });
    await expect.poll(() => got[1], { timeout: withinMs }).toBe(20);
    await expect.poll(() => proxy.counters().starve ?? 0, { timeout: withinMs }).toBeGreaterThan(2);
    expect(got[0]).toBe(10);
    expect(consumer.assignments()).toHaveLength(2);
    proxy.feed(topic, 0);
    await expect.poll(() => got[0], { timeout: withinMs }).toBe(20);
    proxy.cut();
    await produce(topic, 2, 40, 2);
    await expect.poll(() => [...got], { timeout: withinMs }).toEqual([21, 21]);
  } finally {
    await new Promise((resolve) => consumer.disconnect(resolve));
  }
});

test('the same from another process, over the control port', async () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const child = spawn(process.execPath, [main, '--kafka', kafkaBrokers(), '--http', 'http://127.0.0.1:9'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const line = await new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
    const { control, http, kafka: brokers } = JSON.parse(line) as Record<'control' | 'http' | 'kafka', string>;
    const call = async (path: string, ...args: unknown[]) => {
      const answer = await fetch(`${control}/${path}`, { method: 'POST', body: JSON.stringify(args) });
      return [answer.status, await answer.json()];
    };
    expect(await call('http/next', { do: 'answer', status: 503, code: 'SlowDown' })).toEqual([200, 1]);
    expect((await fetch(http)).status).toBe(503);
    expect(await call('http/struck', 1)).toEqual([200, 1]);
    await call('http/next', { do: 'hold' });
    const waiting = fetch(`${http}/b/key`, { method: 'PUT', body: 'x' }).catch(() => 'broken');
    const view = async () => (await (await fetch(`${control}/http`)).json()) as { held: { id: number; key: string }[]; counters: object };
    await expect.poll(async () => (await view()).held.map(({ key }) => key)).toEqual(['key']);
    expect(await call('http/releaseAll')).toEqual([200, [0]]);
    expect(await waiting).toBe('broken');
    expect((await view()).counters).toEqual({ 'answer 503 SlowDown': 1, hold: 1 });

    expect(brokers).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await call('kafka/starve', 'some-topic', 0)).toEqual([200, null]);
    expect((await call('kafka/close'))[0]).toBe(400);
    expect((await call('elsewhere/cut'))[0]).toBe(404);
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
});
