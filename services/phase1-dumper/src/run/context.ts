import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { Acceptance } from '@millrace/core/domain/losses.ts';
import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { Tracer } from '@millrace/core/ports/tracer.ts';
import { Stages } from '@millrace/core/work/stages.ts';
import type { WriterStamp } from '../dump/claim.ts';
import type { SealSettings } from '../dump/seal.ts';
import type { SourceMetadata } from '../dump/source-metadata.ts';
import type { StartFrom } from '../dump/start.ts';
import type { AloneSettings } from './alone.ts';
import type { Announcer } from './announcer.ts';
import type { Health } from './health.ts';
import type { Limit } from './limit.ts';
import type { Metrics } from './metrics.ts';

/** What every partition of a worker shares. */
export type LandingContext = {
  store: ObjectStore;
  metadata: SourceMetadata;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: Metrics;
  health: Health;
  /** stored bytes of raw lines: one zstd frame */
  compress(lines: Uint8Array): Promise<Uint8Array>;
  /** raw objects that may be compressed and stored at once */
  publications: Limit;
  /** name of this process in entries and reports */
  writer: string;
  seal: SealSettings;
  sessionTimeoutMs: number;
  /** tells phase 2 of entries that stand; without one nothing is announced */
  announcer?: Announcer;
  /** how records are read that killed those who read them before (R13); without it they are read like all others */
  alone?: AloneSettings;
  /** is told of each publication; without one nothing is traced */
  tracer?: Tracer | undefined;
  /** what the datasets of a topic wish for, null when it has none, and whether this process has seen the topic missing since then */
  wish(topic: string): { startFrom: StartFrom | null; topicWasMissing: boolean };
  /** names of the datasets of a topic, for log lines */
  datasetsOf?(topic: string): string[];
  /** losses and clusters that people accepted for a topic; none when left out */
  acceptances?(topic: string): readonly Acceptance[];
};

/** A fresh attempt id with the writer's name and time. */
export function stamp(context: LandingContext): WriterStamp {
  return { attemptId: context.random.ulid(), writer: context.writer, nowMs: context.clock.now() };
}

/** The clock of one publication's stages. */
export const stagesOf = (context: LandingContext): Stages => new Stages(context.clock, context.metrics.stage);
