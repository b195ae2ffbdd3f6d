import { parseArgs } from 'node:util';
import { startControl } from './control.ts';
import { startHttpProxy } from './http-proxy.ts';
import { startKafkaProxy } from './kafka-proxy.ts';
import { startTcpProxy } from './tcp-proxy.ts';

/*
 * Fault proxies as a process: `node test/faults/proxy/main.ts [--http URL] [--tcp HOST:PORT] [--kafka BROKERS] [--seed N] [--control PORT]`.
 * Prints one line of JSON with the addresses, and serves until SIGTERM.
 */

const { values } = parseArgs({
  options: {
    http: { type: 'string' },
    tcp: { type: 'string' },
    kafka: { type: 'string' },
    seed: { type: 'string', default: '1' },
    control: { type: 'string', default: '0' },
  },
});
const seed = Number(values.seed);
const http = values.http === undefined ? undefined : await startHttpProxy({ target: values.http, seed });
const tcp = values.tcp === undefined ? undefined : await startTcpProxy({ target: values.tcp, seed });
const kafka = values.kafka === undefined ? undefined : await startKafkaProxy(values.kafka, seed);
const control = await startControl({ ...(http && { http }), ...(tcp && { tcp }), ...(kafka && { kafka }) }, Number(values.control));
process.stdout.write(`${JSON.stringify({ control: control.url, http: http?.url, tcp: tcp?.address, kafka: kafka?.brokers })}\n`);
process.once('SIGTERM', async () => {
  await Promise.all([http, tcp, kafka, control].map((part) => part?.close()));
  process.exit(0);
});
