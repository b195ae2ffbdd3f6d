import type { Check } from '@millrace/core/adapters/admin/checks.ts';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { deadlineSignal } from '@millrace/core/stores/deadline-signal.ts';

/** Between two looks, ms. One HEAD each. */
const lookMs = 5_000;
/** A store that takes connections and does not answer a look within this is away, ms. */
const answerMs = 5_000;
/** First and longest pause while a store cannot be used at start, ms. */
const retryMsMin = 500;
const retryMsMax = 15_000;

/** Whether a store answers: for /readyz and for a start that waits until it does. */
export class StoreCheck {
  readonly #name: string;
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  #cause: string | null = 'not asked yet';

  constructor(name: string, store: ObjectStore, clock: Clock, log: Logger) {
    this.#name = name;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
  }

  check(): Check {
    return { name: this.#name, ok: this.#cause === null, detail: this.#cause };
  }

  /**
   * Does what must be done with the store before work begins, again and again while the store is away.
   * @throws what is not kind `unavailable`: wrong credentials, no bucket, no conditional writes
   */
  async begin(first: () => Promise<unknown>, isAway: (error: unknown) => boolean, signal: AbortSignal): Promise<void> {
    for (let retryMs = retryMsMin; !signal.aborted; retryMs = Math.min(retryMsMax, retryMs * 2)) {
      try {
        await first();
        this.#cause = null;
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!isAway(error)) throw error;
        this.#cause = describeError(error);
        this.#log.warn({ store: this.#store.url, err: error, retryMs }, 'the store is away');
      }
      await this.#clock.sleep(retryMs, signal);
    }
  }

  /** What keeps the store from being used, with its name; null while it answers. */
  trouble(): string | null {
    return this.#cause === null ? null : `${this.#name}: ${this.#cause}`;
  }

  /** Looks now and then until the signal. Never rejects. One look at a time, even when the store does not let go of it. */
  async watch(signal: AbortSignal): Promise<void> {
    let looking: Promise<string | null> | undefined;
    while (!signal.aborted) {
      await this.#clock.sleep(lookMs, signal);
      if (signal.aborted) return;
      looking ??= this.#look(signal).finally(() => {
        looking = undefined;
      });
      const silence = this.#clock.sleep(answerMs, signal).then(() => this.#silence());
      const cause = await Promise.race([looking, silence]);
      if (signal.aborted) return;
      if ((cause === null) !== (this.#cause === null))
        this.#log.warn({ store: this.#store.url, cause }, cause === null ? 'the store answers again' : 'the store is away');
      this.#cause = cause;
    }
  }

  async #look(signal: AbortSignal): Promise<string | null> {
    const deadline = deadlineSignal(answerMs, signal);
    try {
      await this.#store.head('_millrace_probe/looked-for', deadline.signal);
      return null;
    } catch (error) {
      return deadline.timedOut() ? this.#silence() : describeError(error);
    } finally {
      deadline.release();
    }
  }

  #silence(): string {
    return `${this.#store.url} gives no answer within ${answerMs / 1000} s`;
  }
}
