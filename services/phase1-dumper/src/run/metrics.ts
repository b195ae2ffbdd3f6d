import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Numbers of phase 1. Few: each answers a question somebody asks at night. */
export type Metrics = ReturnType<typeof createMetrics>;

/** Registers phase 1's metrics. Counters count what this process did since it started. */
export function createMetrics(registry: Registry) {
  const registers = [registry];
  return {
    records: new Counter({ name: 'millrace_landed_records_total', help: 'Records published to raw', labelNames: ['topic'], registers }),
    lineBytes: new Counter({
      name: 'millrace_landed_line_bytes_total',
      help: 'Bytes of raw lines published, before compression',
      labelNames: ['topic'],
      registers,
    }),
    objectBytes: new Counter({
      name: 'millrace_landed_object_bytes_total',
      help: 'Bytes of raw objects stored',
      labelNames: ['topic'],
      registers,
    }),
    gapOffsets: new Counter({
      name: 'millrace_landed_gap_offsets_total',
      help: 'Offsets published as gaps',
      labelNames: ['topic'],
      registers,
    }),
    publications: new Counter({
      name: 'millrace_publications_total',
      help: 'Publications by their ending',
      labelNames: ['result'],
      registers,
    }),
    publishSeconds: new Histogram({
      name: 'millrace_publish_seconds',
      help: 'Seconds from seal to acknowledged chain entry',
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
      registers,
    }),
    claims: new Counter({ name: 'millrace_claims_total', help: 'Claims of chains by their ending', labelNames: ['result'], registers }),
    pingPong: new Gauge({
      name: 'millrace_claim_ping_pong',
      help: '1 while a partition is thrown to and fro between workers',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    dataLossSuspected: new Gauge({
      name: 'millrace_data_loss_suspected',
      help: '1 while a partition waits for a decision about missing records',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    heldBack: new Gauge({
      name: 'millrace_open_transaction_held_offsets',
      help: 'Offsets that a transaction open for long holds back from every read-committed reader',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    clusterChanged: new Gauge({
      name: 'millrace_cluster_changed',
      help: '1 while a topic is not landed because the brokers are of a cluster its chains do not know',
      labelNames: ['topic'],
      registers,
    }),
    dropped: new Counter({
      name: 'millrace_dropped_buffer_records_total',
      help: 'Buffered records not published by this process (somebody reads them again, or their topic is gone)',
      labelNames: ['cause'],
      registers,
    }),
    retries: new Counter({
      name: 'millrace_retries_total',
      help: 'Requests repeated because the other side was away',
      labelNames: ['doing'],
      registers,
    }),
    announcements: new Counter({
      name: 'millrace_announcements_total',
      help: 'Chain entries announced to phase 2 by their ending; one that is not sent costs freshness only',
      labelNames: ['result'],
      registers,
    }),
    aloneRecords: new Counter({
      name: 'millrace_alone_records_total',
      help: 'Records landed by readers of their own, because earlier readers died over them',
      registers,
    }),
    aloneDeaths: new Counter({ name: 'millrace_alone_deaths_total', help: 'Readers of their own that died', registers }),
    bufferedBytes: new Gauge({ name: 'millrace_buffered_bytes', help: 'Lines held in memory', registers }),
    paused: new Gauge({ name: 'millrace_fetch_paused', help: '1 while the buffer budget pauses fetching', registers }),
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
    rebuilds: new Counter({
      name: 'millrace_client_rebuilds_total',
      help: 'Times the Kafka client was rebuilt because it stalled',
      registers,
    }),
    lag: new Gauge({
      name: 'millrace_landing_lag_offsets',
      help: 'Last stable offset minus landed offset',
      labelNames: ['topic', 'partition'],
      registers,
    }),
  };
}
