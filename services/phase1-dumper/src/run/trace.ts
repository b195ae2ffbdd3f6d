import type { DataEntry } from '@millrace/core/domain/chain.ts';
import type { WorkTrace } from '@millrace/core/ports/tracer.ts';
import type { Stages } from '@millrace/core/work/stages.ts';

/** Datasets of the topic named in one trace at most. */
const datasetsMax = 10;

/** What a trace says of a publication that came as far as its entry. Pure but for the time of its end. @param failure one sentence when the entry does not stand, as far as we know */
export function publicationTrace(
  { source, ...entry }: DataEntry,
  datasets: readonly string[],
  stages: Stages,
  failure: string | undefined,
): WorkTrace {
  const sum = (value: (object: DataEntry['objects'][number]) => number) =>
    entry.objects.reduce((total, object) => total + value(object), 0);
  return {
    name: 'publish',
    attemptId: entry.attemptId,
    startMs: stages.startMs,
    endMs: stages.now(),
    stages: stages.times(),
    attributes: {
      'millrace.datasets': datasets.slice(0, datasetsMax),
      'millrace.topic': source.topic,
      'millrace.topic_id': source.topicId,
      'millrace.partition': source.partition,
      'millrace.start_offset': entry.startOffset.toString(),
      'millrace.end_offset': entry.endOffset.toString(),
      'millrace.seq': entry.seq.toString(),
      'millrace.epoch': entry.epoch.toString(),
      'millrace.attempt_id': entry.attemptId,
      'millrace.records': sum(({ recordCount }) => recordCount),
      'millrace.bytes': sum(({ linesBytes }) => linesBytes),
      'millrace.object_bytes': sum(({ bytes }) => bytes),
    },
    publications: [],
    failure,
  };
}
