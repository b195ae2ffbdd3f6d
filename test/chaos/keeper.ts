import { readFileSync } from 'node:fs';
import type { Service } from '../support/services.ts';

const LOOK_INTERVAL_MS = 1_000;
const LOG_TAIL_CHARS = 600;

/** A service that ended although no fault had hold of it, with the end of its log. */
export interface SelfExit {
  readonly service: string;
  readonly log: string;
}

/** What runs services in production: one that ended by itself is started again, and it is noted. */
export class Keeper {
  readonly exits: SelfExit[] = [];
  readonly #services: readonly Service[];
  readonly #busy: Set<string>;
  readonly #say: (line: string) => void;
  readonly #look: NodeJS.Timeout;
  readonly #starting = new Set<Promise<void>>();

  /** @param busy names of services that a fault has in its hands */
  constructor(services: readonly Service[], busy: Set<string>, say: (line: string) => void) {
    this.#services = services;
    this.#busy = busy;
    this.#say = say;
    this.#look = setInterval(() => this.#lookAround(), LOOK_INTERVAL_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#look);
    await Promise.all(this.#starting);
  }

  #lookAround(): void {
    for (const service of this.#services) {
      if (service.pid !== undefined || this.#busy.has(service.name)) continue;
      const log = readFileSync(service.logFile, 'utf8').slice(-LOG_TAIL_CHARS);
      this.exits.push({ service: service.name, log });
      this.#say(`${service.name} has ended by itself; its log ends with ${log.slice(-200)}`);
      this.#busy.add(service.name);
      const starting = service
        .start()
        .catch((error: Error) => this.#say(`${service.name}: ${error.message.slice(0, 300)}`))
        .finally(() => {
          this.#busy.delete(service.name);
          this.#starting.delete(starting);
        });
      this.#starting.add(starting);
    }
  }
}
