import type { Clock } from '@millrace/core/ports/clock.ts';

/** A sleep that can be cut short. A wake-up between two sleeps is not lost: the next one returns at once. */
export class Wake {
  #controller = new AbortController();

  /** Ends the sleep under way, or the next one. */
  up(): void {
    // a reason of its own: without one an error with a stack is made at each wake-up
    this.#controller.abort('woken');
  }

  async sleep(clock: Clock, ms: number): Promise<void> {
    await clock.sleep(ms, this.#controller.signal);
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
  }
}
