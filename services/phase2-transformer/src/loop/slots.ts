/** A held place; releasing twice does nothing. */
export type Slot = { release(): void };

type Waiter = { bytes: number; give: (slot: Slot) => void };

/** A batch of at most so many bytes of JSON is small: it has places and a thread of its own, so that it never waits for a large one. */
export const smallBatchBytes = 2 ** 20;
/** Small batches under way at a time, besides the others. */
const smallBatchesMax = 4;

/**
 * Bounds the batches under way in a process, by number and by bytes of JSON. Datasets wait in line, first come first served, one batch each,
 * so that a busy dataset gets its turn and no more. A batch larger than the whole budget passes alone. Small batches stand in a line of their own:
 * hundreds of small datasets keep their freshness beside one that has days to catch up with.
 */
export class BatchSlots {
  readonly #large: Line;
  readonly #small: Line;
  readonly #smallBytes: number;

  /** @param smallBytes JSON bytes up to which a batch is small; by default none is */
  constructor(batchesMax: number, bytesMax: number, smallBytes = 0) {
    this.#large = new Line(batchesMax, bytesMax);
    this.#small = new Line(smallBatchesMax, smallBatchesMax * smallBytes);
    this.#smallBytes = smallBytes;
  }

  /** Resolves with a place, or undefined when the signal aborts first. */
  acquire(bytes: number, signal: AbortSignal): Promise<Slot | undefined> {
    return (bytes <= this.#smallBytes ? this.#small : this.#large).acquire(bytes, signal);
  }
}

class Line {
  readonly #batchesMax: number;
  readonly #bytesMax: number;
  readonly #line: Waiter[] = [];
  #batches = 0;
  #bytes = 0;

  constructor(batchesMax: number, bytesMax: number) {
    this.#batchesMax = batchesMax;
    this.#bytesMax = bytesMax;
  }

  acquire(bytes: number, signal: AbortSignal): Promise<Slot | undefined> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve(undefined);
      const waiter: Waiter = {
        bytes,
        give: (slot) => {
          signal.removeEventListener('abort', leave);
          resolve(slot);
        },
      };
      const leave = () => {
        this.#line.splice(this.#line.indexOf(waiter), 1);
        resolve(undefined);
        this.#serve();
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.push(waiter);
      this.#serve();
    });
  }

  #serve(): void {
    for (let first = this.#line[0]; first !== undefined; first = this.#line[0]) {
      if (this.#batches > 0 && (this.#batches >= this.#batchesMax || this.#bytes + first.bytes > this.#bytesMax)) return;
      this.#line.shift();
      first.give(this.#hold(first.bytes));
    }
  }

  #hold(bytes: number): Slot {
    this.#batches++;
    this.#bytes += bytes;
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.#batches--;
        this.#bytes -= bytes;
        this.#serve();
      },
    };
  }
}
