import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import { Registry } from 'prom-client';
import { Health } from '../../../services/phase1-dumper/src/run/health.ts';
import { Limit } from '../../../services/phase1-dumper/src/run/limit.ts';
import { createMetrics } from '../../../services/phase1-dumper/src/run/metrics.ts';
import { WantedTopics } from '../../../services/phase1-dumper/src/run/topics.ts';
import { LandingWorker } from '../../../services/phase1-dumper/src/run/worker.ts';
import type { Io } from '../engine/io.ts';
import { SimProcess } from '../engine/process.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import type { Phase1Laws } from './laws.ts';
import type { ModelGroup } from './model-group.ts';
import type { ModelKafka } from './model-kafka.ts';
import { ModelMember } from './model-member.ts';
import { modelMetadata } from './model-metadata.ts';
import { packed } from './packing.ts';

/** What the processes of a run share. */
export type Phase1Parts = {
  scheduler: Scheduler;
  io: Io;
  kafka: ModelKafka;
  group: ModelGroup;
  laws: Phase1Laws;
  settings: Phase1Settings;
  /** the metastore does not answer */
  metastoreAway: boolean;
  /** chance that a poll of a consumer fails */
  troubleRate: number;
};

/** Settings of a run's workers; sizes in bytes, times in ms. */
export type Phase1Settings = {
  sealBytes: number;
  sealIntervalMs: number;
  sessionTimeoutMs: number;
  stallTimeoutMs: number;
  budgetBytes: number;
  startFrom: Dataset['startFrom'];
};

/** Counted over all runs: what a process counts tells a run nothing. */
const metrics = createMetrics(new Registry());

/** One phase-1 process: the real worker over models of everything it talks to. */
export class LandingProcess {
  readonly process: SimProcess;
  readonly worker: LandingWorker;
  /** undefined while it works; then what its loop ended with, null for a good end */
  ended: string | null | undefined;
  #member: ModelMember | undefined;

  constructor(name: string, parts: Phase1Parts, lateness: { minMs: number; maxMs: number }, skewMs: number) {
    const { scheduler, io, kafka, group, laws, settings } = parts;
    const process = new SimProcess(name, scheduler, { lateness, skewMs });
    this.process = process;
    const { clock } = process;
    const wanted = new WantedTopics();
    this.worker = new LandingWorker({
      context: {
        store: laws.store.view(process),
        metadata: modelMetadata(kafka, io, process),
        clock,
        random: process.random,
        log: listeningLogger(process, laws),
        metrics,
        health: new Health(),
        compress: async (lines) => packed(lines),
        publications: new Limit(2),
        writer: name,
        seal: { sealBytes: settings.sealBytes, sealIntervalMs: settings.sealIntervalMs },
        sessionTimeoutMs: settings.sessionTimeoutMs,
        wish: (topic) => wanted.wish(topic),
      },
      wanted,
      metastore: modelMetastore(process, parts),
      budgetBytes: settings.budgetBytes,
      stallTimeoutMs: settings.stallTimeoutMs,
      openSource: async (handler) => {
        await clock.sleep(20);
        const member = new ModelMember(process, kafka, group, handler, laws);
        member.troubleRate = parts.troubleRate;
        this.#member = member;
        return member;
      },
    });
    this.worker.run().then(
      () => (this.ended = null),
      (error) => (this.ended = isKind(error, 'internal') && error.code === 'client_stalled' ? null : describeError(error)),
    );
  }

  get member(): ModelMember | undefined {
    return this.#member;
  }
}

function modelMetastore(process: SimProcess, parts: Phase1Parts): Metastore {
  const { topic } = parts.kafka;
  const dataset = { name: topic, kafkaTopic: topic, startFrom: parts.settings.startFrom, resumeCount: 0 } as Dataset;
  const answer = async () => {
    await process.clock.sleep(5);
    if (parts.metastoreAway) throw new MillraceError('unavailable', 'metastore_away', 'the simulated metastore is away');
  };
  let known = false;
  return {
    datasets: async () => {
      if (known) await answer(); // the last good configuration is kept on disk: the first one is always there
      known = true;
      return [dataset];
    },
    reportLanding: answer,
    reportTable: answer,
    putSchemaVersion: answer,
  };
}

/** Log lines go into the trace; a warning is heard by the laws. */
function listeningLogger({ name, scheduler }: SimProcess, laws: Phase1Laws): Logger {
  type Fields = { err?: unknown; reason?: string };
  const say =
    (level: string) =>
    (fields: Fields | string, words = '') => {
      if (level === 'warn' && words.startsWith('fenced: ')) laws.fenced(name, words);
      scheduler.note(() => {
        if (typeof fields === 'string') return `${name}: ${level} ${fields}`;
        return `${name}: ${level} ${words} ${fields.err === undefined ? '' : describeError(fields.err)}${fields.reason ?? ''}`;
      });
    };
  const logger = { debug: () => {}, info: say('info'), warn: say('warn'), error: say('error'), fatal: say('fatal') };
  return logger as unknown as Logger;
}
