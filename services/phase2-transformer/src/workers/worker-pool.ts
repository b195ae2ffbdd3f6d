import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { BatchCompute, BatchInput, BatchOutput, BatchTimes } from './batch-worker-port.ts';
import { type Hand, needsProcess, startProcess, startThread } from './hand.ts';
import type { WorkerReply } from './worker-messages.ts';

export type WorkerPoolSettings = {
  /** threads; each works on one batch */
  workers: number;
  /** batches of at most so many bytes of JSON have one more thread to themselves: they never wait for a large one. 0: there is none */
  smallBatchBytes: number;
  /** JavaScript heap of one thread, MiB; beyond it the thread dies and its batch is rejected as `batch_worker_lost` */
  heapMiBMax: number;
  /** a thread whose encoder holds more than this, in bytes, is replaced after its batch: WebAssembly memory never shrinks */
  heldBytesMax: number;
  /** a batch that takes longer loses its thread, ms */
  batchDeadlineMs: number;
  /** batches waiting for a thread; more are refused */
  queuedBatchesMax: number;
};

export const workerPoolDefaults: Omit<WorkerPoolSettings, 'workers'> = {
  smallBatchBytes: 0,
  heapMiBMax: 2048,
  heldBytesMax: 768 * 1024 * 1024,
  batchDeadlineMs: 120_000,
  queuedBatchesMax: 1000,
};

type Timed = BatchOutput & { times?: BatchTimes };
type Job = {
  input: BatchInput;
  settle: (result: Timed | MillraceError) => void;
  signal: AbortSignal | undefined;
  onAbort: () => void;
};
/** `small`: for small batches only. */
type Slot = { small: boolean; hand: Hand | undefined; job: Job | undefined; deadline: NodeJS.Timeout | undefined };

/**
 * `BatchCompute` on a fixed number of worker threads, started when first needed and replaced when they die, stall or grow.
 * A batch with an object so large that one record of it might not fit a thread's heap runs in a process of its own, in a thread's place.
 */
export class WorkerPool implements BatchCompute {
  private readonly settings: WorkerPoolSettings;
  private readonly entry: URL;
  private readonly slots: Slot[];
  private readonly queue: Job[] = [];
  private closed = false;

  /** @param entry the module threads run; for tests of their deaths */
  constructor(settings: WorkerPoolSettings, entry = new URL('./worker-main.ts', import.meta.url)) {
    this.settings = settings;
    this.entry = entry;
    const slot = (small: boolean): Slot => ({ small, hand: undefined, job: undefined, deadline: undefined });
    this.slots = Array.from({ length: Math.max(1, settings.workers) }, () => slot(false));
    if (settings.smallBatchBytes > 0) this.slots.unshift(slot(true));
  }

  build(input: BatchInput, signal?: AbortSignal): Promise<Timed> {
    if (this.closed || signal?.aborted) return Promise.reject(aborted());
    if (this.queue.length >= this.settings.queuedBatchesMax) {
      const queued = this.queue.length;
      return Promise.reject(new MillraceError('unavailable', 'batch_queue_full', `${queued} batches wait for a worker thread`, { queued }));
    }
    return new Promise((resolve, reject) => {
      const job: Job = {
        input,
        signal,
        onAbort: () => this.abort(job),
        settle: (result) => {
          signal?.removeEventListener('abort', job.onAbort);
          if (result instanceof MillraceError) reject(result);
          else resolve(result);
        },
      };
      signal?.addEventListener('abort', job.onAbort, { once: true });
      this.queue.push(job);
      this.assign();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const job of this.queue.splice(0)) job.settle(aborted());
    await Promise.all(this.slots.map((slot) => this.retire(slot, aborted())));
  }

  private assign(): void {
    for (const slot of this.slots) {
      if (slot.job !== undefined) continue;
      const next = slot.small ? this.queue.findIndex((job) => this.isSmall(job)) : 0;
      const [job] = next < 0 ? [] : this.queue.splice(next, 1);
      if (job !== undefined) this.start(slot, job);
    }
  }

  private isSmall({ input }: Job): boolean {
    return input.objects.reduce((sum, { linesBytes }) => sum + linesBytes, 0) <= this.settings.smallBatchBytes;
  }

  private start(slot: Slot, job: Job): void {
    slot.job = job;
    slot.deadline = setTimeout(() => {
      const { batchDeadlineMs } = this.settings;
      void this.retire(slot, lost(`it took longer than ${batchDeadlineMs} ms`, false));
    }, this.settings.batchDeadlineMs);
    const kind = needsProcess(job.input, this.settings.heapMiBMax) ? 'process' : 'thread';
    if (slot.hand?.kind !== kind) {
      void slot.hand?.terminate();
      slot.hand = this.begin(slot, kind);
    }
    slot.hand.post(job.input);
  }

  private begin(slot: Slot, kind: Hand['kind']): Hand {
    const isCurrent = () => slot.hand === hand;
    const hand = (kind === 'process' ? startProcess : startThread)(this.entry, this.settings.heapMiBMax, {
      replied: (reply) => {
        if (isCurrent()) this.finish(slot, reply);
      },
      lost: (why, outOfMemory, cause) => {
        if (isCurrent()) void this.retire(slot, lost(why, outOfMemory, cause));
      },
    });
    return hand;
  }

  private finish(slot: Slot, reply: WorkerReply): void {
    if ('error' in reply) {
      const { kind, code, message, fields, stack } = reply.error;
      void this.retire(slot, new MillraceError(kind, code, message, fields, new Error(stack)));
      return;
    }
    if (reply.heldBytes > this.settings.heldBytesMax || slot.hand?.kind === 'process') {
      void this.retire(slot, reply.output);
      return;
    }
    const job = release(slot);
    job?.settle(reply.output);
    this.assign();
  }

  /** Ends a slot's thread and its job; the next job gets a fresh thread. */
  private async retire(slot: Slot, result: Timed | MillraceError): Promise<void> {
    const { hand } = slot;
    slot.hand = undefined;
    release(slot)?.settle(result);
    if (!this.closed) this.assign();
    await hand?.terminate();
  }

  private abort(job: Job): void {
    const at = this.queue.indexOf(job);
    if (at !== -1) {
      this.queue.splice(at, 1);
      job.settle(aborted());
      return;
    }
    const slot = this.slots.find((candidate) => candidate.job === job);
    if (slot !== undefined) void this.retire(slot, aborted());
  }
}

function release(slot: Slot): Job | undefined {
  const { job } = slot;
  clearTimeout(slot.deadline);
  slot.job = undefined;
  slot.deadline = undefined;
  return job;
}

function aborted(): MillraceError {
  return new MillraceError('unavailable', 'batch_aborted', 'The batch was abandoned');
}

function lost(why: string, outOfMemory: boolean, cause?: unknown): MillraceError {
  return new MillraceError('unavailable', 'batch_worker_lost', `The batch worker was lost: ${why}`, { outOfMemory }, cause);
}
