import type { Stage, StageTime } from '../domain/stages.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * The stages of one publication or batch, timed as they go; its metrics and its trace are both made from it.
 * Lengths come from the monotonic clock, so a wall clock that is set meanwhile changes none.
 */
export class Stages {
  readonly startMs: number;
  readonly #clock: Clock;
  readonly #observe: ((stage: Stage, seconds: number) => void) | undefined;
  /** wall time minus monotonic time */
  readonly #wall: number;
  readonly #ended: StageTime[] = [];
  readonly #open = new Map<symbol, { stage: Stage; startMs: number }>();

  /** @param observe told of each stage that came to its end */
  constructor(clock: Clock, observe?: (stage: Stage, seconds: number) => void) {
    this.#clock = clock;
    this.#observe = observe;
    this.#wall = clock.now() - clock.monotonic();
    this.startMs = this.now();
  }

  /** Wall clock, ms with fractions. */
  now(): number {
    return this.#wall + this.#clock.monotonic();
  }

  /** Begins a stage; the answer ends it. One that is never ended shows as failed. */
  begin(stage: Stage): () => void {
    const id = Symbol(stage);
    const startMs = this.now();
    this.#open.set(id, { stage, startMs });
    return () => {
      if (this.#open.delete(id)) this.add(stage, startMs, this.now());
    };
  }

  /** A stage that was timed elsewhere. */
  add(stage: Stage, startMs: number, endMs: number): void {
    this.#ended.push({ stage, startMs, endMs, failed: false });
    this.#observe?.(stage, (endMs - startMs) / 1000);
  }

  /** What was done so far, in the order it ended; what is still open comes last, as failed. */
  times(): StageTime[] {
    const endMs = this.now();
    return [...this.#ended, ...[...this.#open.values()].map((open) => ({ ...open, endMs, failed: true }))];
  }
}
