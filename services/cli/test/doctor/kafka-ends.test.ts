import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withKafkaEnds } from '../../src/doctor/lag/kafka-ends.ts';
import type { DatasetLag } from '../../src/doctor/lag/legs.ts';
import { KafkaConnections } from '../../src/doctor/probe/kafka-connection.ts';

/** Takes connections and closes each at the first byte: no broker. */
let server: Server;
let address: string;
const open = new Set<Socket>();

beforeAll(async () => {
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).once('data', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterAll(() => {
  for (const socket of open) socket.destroy();
  server.close();
});

const lag: DatasetLag = {
  dataset: 'orders',
  topic: 'orders',
  state: 'RUNNING',
  nextAction: null,
  partitions: [{ topicId: 't', partition: 0, end: 5n, landed: 5n, committed: 5n, oldestUnlandedMs: null, oldestUncommittedMs: null }],
  estimateSeconds: 0,
  endsAgeSeconds: 0,
  endsKnown: true,
};

it('ends that Kafka was asked for and did not tell are not known, whatever phase 1 said before', async () => {
  const connections = new KafkaConnections({ brokers: address, properties: {}, security: {}, unsupported: null });
  try {
    const broker = await connections.any();
    expect(broker).toBeUndefined();
    expect(await withKafkaEnds(connections, broker, lag)).toEqual({
      lag: { ...lag, endsKnown: false },
      unanswered: 'no broker of KAFKA_BROKERS answers',
    });
  } finally {
    await connections.close();
  }
});
