import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { BatchInput } from './batch-worker-port.ts';
import type { WorkerReply, WorkerRequest } from './worker-messages.ts';

/** What one batch runs in. `replied` and `lost` are called until it is terminated. */
export type HandEvents = {
  replied(reply: WorkerReply): void;
  lost(why: string, outOfMemory: boolean, cause?: unknown): void;
};

/** A thread, or a process of its own, that works on one batch at a time. */
export interface Hand {
  readonly kind: 'thread' | 'process';
  post(input: BatchInput): void;
  terminate(): Promise<unknown>;
}

/**
 * One value of a record may become so many times its text in JavaScript objects (`[{},{},…]`: 60 bytes of heap for three of text).
 * The engine's own parser does not stop at a thread's heap limit half-way through a text: a text too large for the heap ends the whole process, thread or not.
 */
const heapBytesPerTextByte = 64;

/** May one record of this batch be more than a thread's heap can hold? Pure. Then it belongs in a process of its own. */
export function needsProcess(input: BatchInput, heapMiBMax: number): boolean {
  return input.objects.some(({ linesBytes }) => linesBytes * heapBytesPerTextByte > heapMiBMax * 2 ** 20);
}

export function startThread(entry: URL, heapMiBMax: number, events: HandEvents): Hand {
  const worker = new Worker(entry, { resourceLimits: { maxOldGenerationSizeMb: heapMiBMax } });
  worker.on('message', (reply: WorkerReply) => events.replied(reply));
  worker.on('error', (error: Error & { code?: string }) => events.lost(error.message, error.code === 'ERR_WORKER_OUT_OF_MEMORY', error));
  worker.on('exit', (code) => events.lost(`it exited with code ${code}`, false));
  // waiting threads do not keep the process alive; a batch does, by its deadline
  worker.unref();
  return {
    kind: 'thread',
    post(input) {
      // the caller keeps its bytes for the next attempt: a copy travels
      const objects = input.objects.map((object) => ({ ...object, bytes: new Uint8Array(object.bytes) }));
      const request: WorkerRequest = { input: { ...input, objects } };
      worker.postMessage(
        request,
        objects.map((object) => object.bytes.buffer as ArrayBuffer),
      );
    },
    terminate: () => worker.terminate(),
  };
}

export function startProcess(entry: URL, heapMiBMax: number, events: HandEvents): Hand {
  const child = fork(fileURLToPath(entry), {
    serialization: 'advanced',
    execArgv: [...process.execArgv, `--max-old-space-size=${heapMiBMax}`],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.on('message', (reply) => events.replied(reply as WorkerReply));
  child.on('error', (error) => events.lost(error.message, false, error));
  // a process that ran out of heap ends itself by SIGABRT
  child.on('exit', (code, signal) => events.lost(`it ended with ${signal ?? `code ${code}`}`, signal === 'SIGABRT'));
  return {
    kind: 'process',
    post: (input) => void child.send({ input } satisfies WorkerRequest),
    terminate: async () => child.kill('SIGKILL'),
  };
}
