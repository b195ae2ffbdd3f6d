import type { Check } from '@millrace/core/adapters/admin/checks.ts';

/** The outside systems phase 1 cannot work without. */
export type Party = 'kafka' | 'store';

/** What is known of the outside systems, for /readyz and metrics: each is bad from a failed request until the next good one. */
export class Health {
  readonly #onEnding: (party: Party, ok: boolean) => void;
  readonly #problems = new Map<Party, string | null>([
    ['kafka', 'not asked yet'],
    ['store', 'not asked yet'],
  ]);

  /** @param onEnding told of every request's ending. Must not throw or block */
  constructor(onEnding: (party: Party, ok: boolean) => void = () => undefined) {
    this.#onEnding = onEnding;
  }

  /** @param problem the cause, without secrets; null when the last request went well */
  set(party: Party, problem: string | null): void {
    this.#problems.set(party, problem);
    this.#onEnding(party, problem === null);
  }

  checks(): Check[] {
    return [...this.#problems].map(([name, detail]) => ({ name, ok: detail === null, detail }));
  }
}
