import { byteBuckets, type CommitResult, commitResults } from '@millrace/core/adapters/admin/worker-metrics.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';
import { Counter, Histogram, type Registry } from 'prom-client';

/** A publication that has ended. `seconds` from seal to its ending; what was landed only when it stands. */
export type PublicationFacts = {
  topic: string;
  result: CommitResult;
  seconds: number;
  objects: readonly { recordCount: number; linesBytes: number; bytes: number }[];
  gapOffsets: bigint;
};

/** Metrics of what is read and landed. */
export function landingMetrics(registry: Registry) {
  const registers = [registry];
  const byTopic = (name: string, help: string) => new Counter({ name, help, labelNames: ['topic'], registers });
  const consumedRecords = byTopic(
    'millrace_consumed_records_total',
    'Records read from Kafka; those read again after a hand-over count again',
  );
  const consumedBytes = byTopic('millrace_consumed_bytes_total', 'Bytes of raw lines made of records read from Kafka');
  const records = byTopic('millrace_landed_records_total', 'Records published to raw');
  const lineBytes = byTopic('millrace_landed_line_bytes_total', 'Bytes of raw lines published, before compression');
  const objectBytes = byTopic('millrace_landed_object_bytes_total', 'Bytes of raw objects published');
  const gapOffsets = byTopic('millrace_landed_gap_offsets_total', 'Offsets published as gaps');
  const publications = new Counter({
    name: 'millrace_publications_total',
    help: 'Publications by their ending; fenced: a newer owner has the chain',
    labelNames: ['result'],
    registers,
  });
  const publishSeconds = new Histogram({
    name: 'millrace_publish_seconds',
    help: 'Seconds from seal to the ending of a publication, waiting for Kafka and the store included',
    labelNames: ['result'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300],
    registers,
  });
  const rawObjectBytes = new Histogram({
    name: 'millrace_raw_object_bytes',
    help: 'Bytes of one published raw object, compressed',
    buckets: byteBuckets,
    registers,
  });
  for (const result of commitResults) {
    publications.inc({ result }, 0);
    publishSeconds.zero({ result });
  }
  return {
    gapOffsets,
    /** zeros of a topic that is landed from now on */
    knowTopic(topic: string): void {
      for (const counter of [consumedRecords, consumedBytes, records, lineBytes, objectBytes, gapOffsets]) counter.inc({ topic }, 0);
    },
    consumed({ topic, recordCount, lines }: LineRange): void {
      consumedRecords.inc({ topic }, recordCount);
      consumedBytes.inc({ topic }, lines.length);
    },
    published({ topic, result, seconds, objects, gapOffsets: gaps }: PublicationFacts): void {
      publications.inc({ result });
      publishSeconds.observe({ result }, seconds);
      if (result !== 'committed' && result !== 'unknown_resolved') return;
      for (const object of objects) {
        records.inc({ topic }, object.recordCount);
        lineBytes.inc({ topic }, object.linesBytes);
        objectBytes.inc({ topic }, object.bytes);
        rawObjectBytes.observe(object.bytes);
      }
      gapOffsets.inc({ topic }, Number(gaps));
    },
  };
}
