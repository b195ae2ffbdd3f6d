import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { Prng } from './prng.ts';
import type { SimProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** One request that leaves a process. `index` counts the requests of a run from 0; `write`: it changes what others see. */
export type IoPoint = { index: number; process: string; operation: string; key: string; write: boolean };

/**
 * What becomes of a request. `error`: refused before it is applied, the caller is told so · `lost`: never applied, no answer ·
 * `answerLost`: applied, no answer · `doubled`: applied, answered, applied again later · `held`: no answer, applied when `released` (or by the world's end) ·
 * `delayed`: applied and answered late · `crashBefore`: the sender dies, not applied · `crashAfter`: applied, then the sender dies.
 */
export const ioEffects = ['error', 'lost', 'answerLost', 'doubled', 'held', 'delayed', 'crashBefore', 'crashAfter'] as const;
export type IoEffect = (typeof ioEffects)[number];

/** Effects of which every one is tried at every I/O point of a base run. */
export const enumeratedEffects = ['crashBefore', 'crashAfter', 'error', 'answerLost', 'delayed'] as const satisfies readonly IoEffect[];

/** One planned fault: what happens to the request of that index. */
export type FaultPlan = { point: number; effect: IoEffect };

/** How often what happens, of all requests in [0, 1]; left out means never. Reads are never doubled or held. */
export type FaultRates = Partial<Record<IoEffect, number>>;

export type IoOptions = {
  /** what happens by the seed; the world may change it while the run goes on */
  rates: FaultRates;
  plan?: FaultPlan;
  /** a request is under way so long each way, ms */
  latencyMs: { min: number; max: number };
  /** `delayed` requests and repetitions come after at most so long, ms */
  delayMs: { min: number; max: number };
  /** an answer that never comes is given up after so long, ms */
  timeoutMs: { min: number; max: number };
  /** a process dies by its own request */
  onCrash?: (process: SimProcess, point: IoPoint) => void;
  /** a request is held; `release` applies it (once) */
  onHeld?: (process: SimProcess, point: IoPoint, release: () => void) => void;
};

export type IoRequest<T> = {
  operation: string;
  key: string;
  write: boolean;
  /** carries the request out, at one moment; may throw what the other side answers */
  apply: () => T;
  signal?: AbortSignal;
};

/** All requests of a run: numbers them, decides by seed or plan what becomes of each, applies and answers them in virtual time. */
export class Io {
  readonly options: IoOptions;
  readonly points: IoPoint[] = [];
  /** faults that happened, by effect */
  readonly faults = new Map<string, number>();
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #held = new Set<() => void>();

  constructor(scheduler: Scheduler, options: IoOptions) {
    this.#scheduler = scheduler;
    this.#prng = scheduler.prng.fork();
    this.options = options;
  }

  /** Applies every request that is still held. */
  releaseHeld(): void {
    for (const release of [...this.#held]) release();
  }

  /** Counts a fault that somebody else (the world) did. */
  count(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  /**
   * Sends a request. The promise rejects with kind `unavailable` and `fields.outcome` `unknown` (no answer, or the signal came first) or `not_applied`.
   * A dead process's request is not sent and its promise never settles.
   */
  request<T>(process: SimProcess, { operation, key, write, apply, signal }: IoRequest<T>): Promise<T> {
    if (!process.alive) return new Promise(() => {});
    const scheduler = this.#scheduler;
    const point: IoPoint = { index: this.points.length, process: process.name, operation, key, write };
    this.points.push(point);
    const effect = this.#effectOf(point);
    const words = () => `${process.name}: #${point.index} ${operation} ${key}`;
    if (effect !== undefined) this.count(effect);
    scheduler.note(() => `${words()}${effect === undefined ? '' : ` [${effect}]`}`);
    const { promise, resolve, reject } = Promise.withResolvers<T>();

    const fail = (outcome: 'unknown' | 'not_applied', why: string) =>
      reject(new MillraceError('unavailable', 'simulated', `${operation} ${key}: ${why}`, { key, outcome }));
    const answer = (afterMs: number, settle: () => void, told: string) =>
      process.deliver(afterMs, () => {
        scheduler.note(() => `${words()} -> ${told}`);
        settle();
      });
    const carryOut = (): (() => void) => {
      try {
        const result = apply();
        scheduler.note(() => `${words()} applied${typeof result === 'string' ? ` (${result})` : ''}`);
        return () => resolve(result);
      } catch (error) {
        scheduler.note(() => `${words()} applied (${(error as Error).message})`);
        return () => reject(error);
      }
    };
    if (signal !== undefined) {
      const leave = () => process.enter(() => fail('unknown', 'given up by the caller'));
      if (signal.aborted) {
        fail('not_applied', 'not sent, the caller had given up');
        return promise;
      }
      signal.addEventListener('abort', leave, { once: true });
      const forget = () => signal.removeEventListener('abort', leave);
      promise.then(forget, forget);
    }

    const { latencyMs, delayMs, timeoutMs } = this.options;
    const oneWay = () => this.#between(latencyMs);
    switch (effect) {
      case undefined:
        scheduler.after(oneWay(), () => void answer(oneWay(), carryOut(), 'answered'));
        break;
      case 'delayed':
        scheduler.after(this.#between(delayMs), () => void answer(this.#between(delayMs), carryOut(), 'answered late'));
        break;
      case 'error':
        answer(2 * oneWay(), () => fail('not_applied', '503'), '503');
        break;
      case 'lost':
        answer(this.#between(timeoutMs), () => fail('unknown', 'no answer'), 'no answer (never applied)');
        break;
      case 'answerLost':
        scheduler.after(oneWay(), () => void carryOut());
        answer(this.#between(timeoutMs), () => fail('unknown', 'no answer'), 'no answer (applied)');
        break;
      case 'doubled':
        scheduler.after(oneWay(), () => void answer(oneWay(), carryOut(), 'answered'));
        scheduler.after(oneWay() + this.#between(delayMs), () => void carryOut());
        break;
      case 'held': {
        answer(this.#between(timeoutMs), () => fail('unknown', 'no answer'), 'no answer (held)');
        const release = () => {
          if (!this.#held.delete(release)) return;
          scheduler.note(() => `${words()} RELEASED`);
          carryOut();
        };
        this.#held.add(release);
        this.options.onHeld?.(process, point, release);
        break;
      }
      case 'crashBefore':
        process.kill();
        this.options.onCrash?.(process, point);
        break;
      case 'crashAfter':
        scheduler.after(oneWay(), () => {
          carryOut();
          if (!process.alive) return;
          process.kill();
          this.options.onCrash?.(process, point);
        });
        break;
    }
    return promise;
  }

  #effectOf(point: IoPoint): IoEffect | undefined {
    const { plan, rates } = this.options;
    if (plan?.point === point.index) return plan.effect;
    let left = this.#prng.next();
    for (const effect of ioEffects) {
      left -= rates[effect] ?? 0;
      if (left < 0) return !point.write && (effect === 'doubled' || effect === 'held') ? 'delayed' : effect;
    }
    return undefined;
  }

  #between({ min, max }: { min: number; max: number }): number {
    return min + this.#prng.next() * (max - min);
  }
}
