import { join } from 'node:path';
import { type Program, startProgram } from './program.ts';

/*
 * The producers of a round: some idempotent, some transactional, each a process that lives for a while and is followed by one of another name.
 */

/** A producer lives for this long, ms, unless it is killed before. */
const LIFE_MS = 40_000;
const LOOK_INTERVAL_MS = 500;
/** Producers of each mode a topic. */
const MODES = ['idempotent', 'transactional'] as const;
/** A transaction is left open for up to this long, ms, so that kills meet open ones. */
const TRANSACTION_LINGER_MS = 200;
/** Shares of the records that are no plain order. */
const MIX = ['--tombstones', '0.01', '--odd', '0.003', '--lists', '0.1'];

export interface LoadOptions {
  readonly python: string;
  readonly brokers: string;
  readonly topics: readonly string[];
  /** ledgers of each topic go to a folder of its name there */
  readonly dir: string;
  readonly seed: number;
}

interface Slot {
  readonly topic: string;
  readonly mode: (typeof MODES)[number];
  readonly number: number;
  starts: number;
  startedAt: number;
  program: Program | undefined;
  ending: boolean;
}

/** Keeps every producer's place filled, at a rate that may be changed. */
export class Load {
  readonly #options: LoadOptions;
  readonly #slots: Slot[];
  readonly #look: NodeJS.Timeout;
  readonly #ended: Promise<unknown>[] = [];
  #rate: number;
  #stopped = false;
  /** producers that ended by themselves with an error, with their log */
  readonly failures: string[] = [];
  started = 0;

  /** @param rate records a second over all producers */
  constructor(options: LoadOptions, rate: number) {
    this.#options = options;
    this.#rate = rate;
    const places = options.topics.flatMap((topic) => MODES.map((mode) => ({ topic, mode })));
    this.#slots = places.map((place, number) => ({ ...place, number, starts: 0, startedAt: 0, program: undefined, ending: false }));
    this.#look = setInterval(() => this.#fill(), LOOK_INTERVAL_MS);
    this.#fill();
  }

  ledgerDir(topic: string): string {
    return join(this.#options.dir, 'ledgers', topic);
  }

  get rate(): number {
    return this.#rate;
  }

  /** Producers that live take the new rate when they are followed: at once, one after the other. */
  change(rate: number): void {
    this.#rate = rate;
    for (const slot of this.#slots) slot.startedAt = Math.min(slot.startedAt, Date.now() - LIFE_MS + slot.number * 2 * LOOK_INTERVAL_MS);
  }

  /** A running producer, transactional ones first, by a number in [0, 1). Killing it is the caller's. */
  victim(pick: number): Program | undefined {
    const running = this.#slots.filter(({ program, ending }) => program?.running && !ending);
    const open = running.filter(({ mode }) => mode === 'transactional');
    const among = open.length > 0 && pick < 0.75 ? open : running;
    return among[Math.floor(pick * among.length)]?.program;
  }

  /** Ends all producers and waits for their last words. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#look);
    await Promise.all(this.#slots.map(({ program }) => program?.stop()));
    await Promise.all(this.#ended);
  }

  #fill(): void {
    for (const slot of this.#slots) {
      if (slot.program?.running) {
        if (!slot.ending && Date.now() - slot.startedAt > LIFE_MS) {
          slot.ending = true;
          void slot.program.stop();
        }
      } else if (!this.#stopped) this.#start(slot);
    }
  }

  #start(slot: Slot): void {
    const { python, brokers, seed, dir } = this.#options;
    const name = `p${slot.number}-${String(++slot.starts).padStart(4, '0')}`;
    const share = Math.max(1, Math.round(this.#rate / this.#slots.length));
    const args = [
      ...['--brokers', brokers, '--topic', slot.topic, '--ledger', this.ledgerDir(slot.topic), '--producer', name],
      ...['--mode', slot.mode, '--rate', String(share), '--seed', String(seed), ...MIX],
      ...(slot.mode === 'transactional' ? ['--transaction-linger-ms', String(TRANSACTION_LINGER_MS)] : []),
    ];
    const program = startProgram({ python, script: 'produce.py', args, name, logFile: join(dir, `produce-${slot.number}.log`) });
    this.started++;
    slot.program = program;
    slot.startedAt = Date.now();
    slot.ending = false;
    this.#ended.push(
      program.ended.then(({ code, signal }) => {
        if (code !== 0 && signal === null) this.failures.push(`${name} ended with ${code}; see ${program.logFile}`);
      }),
    );
  }
}
