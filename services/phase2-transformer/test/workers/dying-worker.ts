import { parentPort } from 'node:worker_threads';
import type { WorkerRequest } from '../../src/workers/worker-messages.ts';

/* A thread that ends as the batch's dataset name says. */
parentPort?.on('message', ({ input }: WorkerRequest) => {
  if (input.datasetName === 'exit') process.exit(3);
  if (input.datasetName === 'throw') throw new Error('out of nowhere');
  if (input.datasetName === 'heap') {
    const kept: number[][] = [];
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, i) => i + 0.5));
  }
  if (input.datasetName === 'stall') return;
  const held = input.datasetName === 'grown' ? 1000 : 0;
  parentPort?.postMessage({
    output: { status: 'built', files: [], counts: [], quarantine: [{ detail: String(process.hrtime.bigint()) }] },
    heldBytes: held,
  });
});
