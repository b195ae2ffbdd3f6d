import { appendFileSync } from 'node:fs';
import type { Kind, Lane } from './schedule.ts';

/** A fault that was really injected. Times in ms since the run began; `endMs` is when it was healed. */
export interface Injected {
  readonly kind: Kind;
  readonly lane: Lane;
  readonly target: string;
  readonly startMs: number;
  endMs: number | null;
  note?: string;
}

/** Faults in the order of their injection. Only what happened is in it: a fault that found no target is never begun. */
export class FaultLog {
  readonly all: Injected[] = [];
  readonly #file: string;
  readonly #now: () => number;
  readonly #say: (line: string) => void;

  /** @param file every fault, one JSON object a line, when it ends */
  constructor(file: string, now: () => number, say: (line: string) => void) {
    this.#file = file;
    this.#now = now;
    this.#say = say;
  }

  /** Counts a fault from now on. */
  begin(lane: Lane, kind: Kind, target: string): Injected {
    const fault: Injected = { kind, lane, target, startMs: this.#now(), endMs: null };
    this.all.push(fault);
    this.#say(`${kind} ${target}`);
    return fault;
  }

  end(fault: Injected, note?: string): void {
    fault.endMs = this.#now();
    if (note !== undefined) fault.note = note;
    appendFileSync(this.#file, `${JSON.stringify(fault)}\n`);
  }

  /** It did not come to what it was meant to be, and does not count. */
  withdraw(fault: Injected, why: string): void {
    this.all.splice(this.all.indexOf(fault), 1);
    this.#say(`${fault.kind} ${fault.target} does not count: ${why}`);
  }

  byKind(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { kind } of this.all) counts[kind] = (counts[kind] ?? 0) + 1;
    return Object.fromEntries(Object.entries(counts).sort(([one], [other]) => one.localeCompare(other)));
  }
}
