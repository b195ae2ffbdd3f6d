import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { Prng } from './prng.ts';
import type { Scheduler } from './scheduler.ts';

/** Wall time at which every run begins. */
const beginsAtMs = Date.UTC(2026, 0, 1);
const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** How late timers may fire, ms: a slow machine makes the same run with fewer turns. */
export type Lateness = { minMs: number; maxMs: number };

/**
 * A process of the system under test: its clock, its randomness, and whether it lives. Everything it waits for comes to it through `deliver`.
 * Killed: nothing reaches it any more, whatever it asks for is not carried out, its promises never settle. Paused (SIGSTOP): what comes due waits, time goes on.
 */
export class SimProcess {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly random: Random;
  #alive = true;
  #paused = false;
  #waiting: (() => void)[] = [];

  constructor(name: string, scheduler: Scheduler, options: { lateness?: Lateness; skewMs?: number } = {}) {
    this.name = name;
    this.scheduler = scheduler;
    const prng = scheduler.prng.fork();
    const { minMs, maxMs } = options.lateness ?? { minMs: 0, maxMs: 0 };
    this.clock = {
      now: () => beginsAtMs + (options.skewMs ?? 0) + Math.floor(scheduler.nowMs),
      monotonic: () => scheduler.nowMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted || !(ms > 0)) return resolve();
          const timer = this.deliver(ms + (maxMs > 0 ? prng.int(minMs, maxMs) : 0), () => {
            signal?.removeEventListener('abort', leave);
            resolve();
          });
          const leave = () => {
            scheduler.cancel(timer);
            resolve();
          };
          signal?.addEventListener('abort', leave, { once: true });
        }),
    };
    this.random = seededRandom(prng, () => this.clock.now());
  }

  get alive(): boolean {
    return this.#alive;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Runs `action` inside the process `afterMs` from now: when it is paused then, as soon as it goes on; when it is dead, never. */
  deliver(afterMs: number, action: () => void) {
    return this.scheduler.after(afterMs, () => this.enter(action));
  }

  /** As `deliver`, now. */
  enter(action: () => void): void {
    if (!this.#alive) return;
    if (this.#paused) this.#waiting.push(action);
    else action();
  }

  /** kill -9. */
  kill(): void {
    if (this.#alive) this.scheduler.note(() => `${this.name}: KILLED`);
    this.#alive = false;
    this.#waiting = [];
  }

  pause(): void {
    if (!this.#alive || this.#paused) return;
    this.scheduler.note(() => `${this.name}: stopped`);
    this.#paused = true;
  }

  /** Goes on: what came due meanwhile comes in the order it came due, each at a turn of its own. */
  resume(): void {
    if (!this.#paused) return;
    this.scheduler.note(() => `${this.name}: goes on`);
    this.#paused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [i, action] of waiting.entries()) this.deliver(i / 1000, action);
  }
}

/** Randomness of a process, from its seed. ULIDs are unique: each holds 16 drawn characters. */
export function seededRandom(prng: Prng, now: () => number): Random {
  return {
    ulid: () => {
      let text = '';
      for (let time = now(), i = 0; i < 10; i++, time = Math.floor(time / 32)) text = crockford[time % 32] + text;
      for (let i = 0; i < 16; i++) text += crockford[prng.int(0, 32)];
      return text;
    },
    id53: () => BigInt(prng.int(0, 2 ** 21)) * 2n ** 32n + BigInt(prng.int(1, 2 ** 32)),
    fraction: () => prng.next(),
  };
}
