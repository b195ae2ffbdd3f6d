import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What is done when a request is repeated because the other side was away. */
export const doings = [
  'ask the leader',
  'ask for offsets',
  'resolve first offsets',
  'read the chain',
  'read a flight mark',
  'write a flight mark',
  'store a raw object',
  'commit',
  'settle',
  'read partitions anew',
] as const;
export type Doing = (typeof doings)[number];

/** Why buffered records were not published by this process. */
const dropCauses = ['lost', 'released', 'failed', 'fenced', 'source_changed', 'aborted'] as const;
export type DropCause = (typeof dropCauses)[number];

const announcementResults = ['sent', 'failed', 'dropped'] as const;

/** Metrics of the process's buffers, its Kafka clients and its waiting for others. */
export function clientMetrics(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) => new Counter({ name, help, labelNames, registers });
  const dropped = counter(
    'millrace_dropped_buffer_records_total',
    'Buffered records not published by this process (somebody reads them again, or their topic is gone)',
    ['cause'],
  );
  const retries = counter('millrace_retries_total', 'Requests repeated because the other side was away', ['doing']);
  const announcements = counter(
    'millrace_announcements_total',
    'Chain entries announced to phase 2 by their ending; one that is not sent costs freshness only',
    ['result'],
  );
  const kafkaUp = new Gauge({
    name: 'millrace_kafka_up',
    help: '0 from a request that Kafka did not answer, or refused, until the next good one; 1 before the first',
    registers,
  });
  kafkaUp.set(1);
  for (const cause of dropCauses) dropped.inc({ cause }, 0);
  for (const doing of doings) retries.inc({ doing }, 0);
  for (const result of announcementResults) announcements.inc({ result }, 0);
  return {
    dropped,
    retries,
    announcements,
    aloneRecords: counter('millrace_alone_records_total', 'Records landed by readers of their own, because earlier readers died over them'),
    aloneDeaths: counter('millrace_alone_deaths_total', 'Readers of their own that died'),
    kafkaUp,
    bufferedBytes: new Gauge({ name: 'millrace_buffered_bytes', help: 'Lines held in memory', registers }),
    paused: new Gauge({ name: 'millrace_fetch_paused', help: '1 while the buffer budget pauses fetching', registers }),
    backpressure: counter('millrace_backpressure_seconds_total', 'Seconds during which the buffer budget paused fetching'),
    pollGap: new Histogram({
      name: 'millrace_poll_gap_seconds',
      help: 'Seconds from the beginning of a poll of Kafka to that of the next; a poll waits 0.1 s for records',
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
      registers,
    }),
    pollGapMax: new Gauge({
      name: 'millrace_poll_gap_max_seconds',
      help: 'Longest time between the beginnings of two polls of Kafka by one client since the process started',
      registers,
    }),
    rebuilds: counter('millrace_client_rebuilds_total', 'Times the Kafka client was rebuilt because it stalled'),
  };
}
