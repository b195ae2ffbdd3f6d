/** At most `max` tasks at a time; others wait in the order they came. */
export class Limit {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(max: number) {
    this.#free = max;
  }

  /** @returns undefined when the signal aborted while the task still stood in line: then it was not begun */
  async run<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    if (signal.aborted) return undefined;
    if (this.#free > 0) this.#free--;
    else if (!(await this.#turn(signal))) return undefined;
    try {
      return await task();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free++;
      else next();
    }
  }

  /** @returns true when a place was handed over, false when the signal came first */
  #turn(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (turn: boolean) => {
        this.#waiting.delete(take);
        signal.removeEventListener('abort', leave);
        resolve(turn);
      };
      const take = () => end(true);
      const leave = () => end(false);
      this.#waiting.add(take);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
