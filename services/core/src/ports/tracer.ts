import type { StageTime } from '../domain/stages.ts';

/** One publication or batch that has ended, as a trace tells of it. Never record data, never secrets. Times: wall clock, ms since 1970. */
export type WorkTrace = {
  name: 'publish' | 'batch';
  /** of the chain entry or table commit it wrote: its trace's id follows from it, so that whoever reads the entry knows the trace; undefined when nothing was written */
  attemptId: string | undefined;
  startMs: number;
  endMs: number;
  stages: readonly StageTime[];
  /** bigints as decimal text */
  attributes: Readonly<Record<string, string | number | string[]>>;
  /** attempt ids of the chain entries whose records the stage `commit` committed */
  publications: readonly string[];
  /** one sentence, when it did not end as it should */
  failure: string | undefined;
};

/** Tells a tracing system what was done. It is no part of the work: it never throws, never waits, and drops what it cannot hold. */
export interface Tracer {
  record(work: WorkTrace): void;
  /** Sends what waits, within about a second. Never rejects. Idempotent. */
  close(): Promise<void>;
}
