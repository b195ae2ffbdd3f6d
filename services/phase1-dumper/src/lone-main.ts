import { hash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { rawObjectKey } from '@millrace/core/domain/keys.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { z } from 'zod';
import { planPublication } from './dump/publish.ts';
import { LoneConsumer } from './kafka/lone-consumer.ts';
import { type LoneOrder, loneAnswer, loneOrder, loneRequest } from './kafka/lone-messages.ts';
import { compressLines } from './run/compress.ts';

/*
 * The process of a lone reader: reads one partition, stores what it read, and names it to landing, which alone writes to the chain.
 * It is made to die: whatever is not an error of ours ends it without a word, and that is its answer.
 */

/** The end of a process that was given something it could not work on. */
const diedCode = 70;

async function main(): Promise<void> {
  // landing decides when it ends: a signal to the whole group of processes must not be taken for a death
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined);
  const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await input.next();
  if (first.done) return;
  const order = loneOrder.parse(JSON.parse(first.value));
  const store = openObjectStore(order.rawUrl, { forcePathStyle: order.forcePathStyle });
  let consumer: LoneConsumer | undefined;
  let nextOffset = order.offset;
  let leaderEpoch = order.leaderEpoch;
  for (let line = await input.next(); !line.done; line = await input.next()) {
    const { recordsMax, readBytes } = loneRequest.parse(JSON.parse(line.value));
    let answer: z.output<typeof loneAnswer>;
    try {
      consumer ??= await LoneConsumer.open(order);
      const read = await consumer.read(recordsMax, readBytes);
      if (read === undefined) answer = { status: 'nothing' };
      else {
        const plan = planPublication([read.range], { nextOffset, leaderEpoch });
        const objects =
          plan.object === null ? [] : [{ ...(await storeLines(store, order, plan.object.startOffset, read.range.lines)), ...plan.object }];
        answer = { status: 'read', plan, objects, atEnd: read.atEnd };
        nextOffset = plan.endOffset;
        leaderEpoch = plan.leaderEpoch;
      }
    } catch (error) {
      if (!(error instanceof MillraceError) || error.kind === 'internal') throw error;
      answer = { status: 'failed', kind: error.kind, code: error.code, message: error.message };
    }
    process.stdout.write(`${JSON.stringify(loneAnswer.encode(answer))}\n`);
  }
}

async function storeLines(store: ObjectStore, { topic, partition, epoch }: LoneOrder, startOffset: bigint, lines: Uint8Array) {
  const body = await compressLines(lines);
  const key = rawObjectKey(topic, Date.now(), partition, startOffset, epoch, systemRandom.ulid());
  await store.put(key, body);
  return { key, bytes: body.length, sha256: hash('sha256', body) };
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`lone reader: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(diedCode);
  },
);
