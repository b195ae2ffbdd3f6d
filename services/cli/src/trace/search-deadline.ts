import type { DuckDBConnection } from '@duckdb/node-api';
import { MillraceError } from '@millrace/core/domain/errors.ts';

/** Once the time is over a question is interrupted again each so many ms: the next one may have begun just then. */
const againMs = 200;

/** Bounds the time of a search: whatever its connection is asked when the time is over is interrupted. */
export class SearchDeadline {
  readonly #seconds: number;
  #over = false;
  #timer: NodeJS.Timeout;

  constructor(connection: Pick<DuckDBConnection, 'interrupt'>, seconds: number) {
    this.#seconds = seconds;
    this.#timer = setTimeout(() => {
      this.#over = true;
      connection.interrupt();
      this.#timer = setInterval(() => connection.interrupt(), againMs);
    }, seconds * 1_000);
  }

  /** @throws kind `invalid`, code `search_too_long`, once the time is over */
  check(): void {
    if (this.#over)
      throw new MillraceError(
        'invalid',
        'search_too_long',
        `the search was stopped after ${this.#seconds} s: ask for less, or for longer with --timeout-seconds`,
      );
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
