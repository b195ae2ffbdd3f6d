import type { Clock } from '@millrace/core/ports/clock.ts';

/** After a stop was asked for: what is being read and built may take so long, ms; what is being committed so long. */
export const stopBuildMs = 4_000;
export const stopCommitMs = 7_500;

/** The wish that a table leg ends, and the times it has for it. */
export class LegStop {
  readonly #clock: Clock;
  readonly #asked = new AbortController();
  readonly #build = new AbortController();
  readonly #commit = new AbortController();
  readonly #ended = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isAsked(): boolean {
    return this.#asked.signal.aborted;
  }

  /** Aborts when nothing is to be read and built any more. */
  get build(): AbortSignal {
    return this.#build.signal;
  }

  /** Aborts when what is being committed must end, known or not. */
  get commit(): AbortSignal {
    return this.#commit.signal;
  }

  /** Asks; `drop` ends reading and building at once. @returns false when it was asked before */
  ask(how: 'finish' | 'drop'): boolean {
    if (how === 'drop') this.#build.abort();
    if (this.isAsked) return false;
    this.#asked.abort();
    void this.#abortAfter(stopBuildMs, this.#build);
    void this.#abortAfter(stopCommitMs, this.#commit);
    return true;
  }

  /** The leg has ended: no timer outlives it. */
  ended(): void {
    this.#ended.abort();
  }

  async #abortAfter(ms: number, controller: AbortController): Promise<void> {
    await this.#clock.sleep(ms, this.#ended.signal);
    controller.abort();
  }
}
