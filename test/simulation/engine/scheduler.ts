import { Prng } from './prng.ts';

/** Something that will happen at a moment of virtual time. */
export type SimEvent = { readonly atMs: number; readonly order: number; readonly serial: number; run: (() => void) | null };

/** Lines of a trace that are kept: the end of a run tells most. */
const traceLinesMax = 20_000;

/**
 * One thread of virtual time. Everything that waits in a run is an event here: timers, requests to be applied, answers to be delivered.
 * An event runs, then everything it set going in promises runs to its end, then the next event is taken: the earliest, and among those of
 * the same moment the one that the seed says. A run is therefore a pure function of its seed, as long as nothing in it waits for anything real.
 */
export class Scheduler {
  readonly prng: Prng;
  readonly trace: string[] = [];
  /** events that have run */
  steps = 0;
  #nowMs = 0;
  #serial = 0;
  readonly #order: Prng;
  readonly #heap: SimEvent[] = [];
  readonly #tracing: boolean;

  constructor(seed: number, tracing: boolean) {
    this.prng = new Prng(seed);
    this.#order = this.prng.fork();
    this.#tracing = tracing;
  }

  /** Virtual ms since the run began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Puts an event `afterMs` from now; `cancel` takes it away. */
  after(afterMs: number, run: () => void): SimEvent {
    const event: SimEvent = { atMs: this.#nowMs + Math.max(0, afterMs), order: this.#order.next(), serial: this.#serial++, run };
    this.#push(event);
    return event;
  }

  cancel(event: SimEvent): void {
    event.run = null;
  }

  /** A line of the trace; words are made only while somebody traces. */
  note(words: () => string): void {
    if (!this.#tracing) return;
    if (this.trace.length >= traceLinesMax) this.trace.splice(0, traceLinesMax / 2);
    this.trace.push(`${(this.#nowMs / 1000).toFixed(3).padStart(9)} ${words()}`);
  }

  /**
   * Runs events until `done`, or none is left, or time would pass `untilMs`, or `stepsMax` events have run in all.
   * @returns why it ended
   */
  async run(done: () => boolean, untilMs: number, stepsMax: number): Promise<'done' | 'idle' | 'time' | 'steps'> {
    await settle();
    for (;;) {
      if (done()) return 'done';
      if (this.steps >= stepsMax) return 'steps';
      const event = this.#pop();
      if (event === undefined) return 'idle';
      if (event.run === null) continue;
      if (event.atMs > untilMs) {
        this.#push(event);
        this.#nowMs = untilMs;
        return 'time';
      }
      this.#nowMs = event.atMs;
      this.steps++;
      event.run();
      await settle();
    }
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent] as SimEvent)) break;
      heap[at] = heap[parent] as SimEvent;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): SimEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as SimEvent, heap[child] as SimEvent)) child++;
      if (!before(heap[child] as SimEvent, last)) break;
      heap[at] = heap[child] as SimEvent;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function before(a: SimEvent, b: SimEvent): boolean {
  if (a.atMs !== b.atMs) return a.atMs < b.atMs;
  return a.order !== b.order ? a.order < b.order : a.serial < b.serial;
}

/** Lets everything that promises have set going come to its end: an immediate runs only when no microtask is left. */
function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
