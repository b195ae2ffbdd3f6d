import type { HeldBack } from '@millrace/core/domain/losses.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import { type OpenTransaction, watchTransaction } from '../dump/open-transaction.ts';
import type { PartitionOffsets } from '../dump/source-metadata.ts';
import type { LandingContext } from './context.ts';

/** Watches one partition for a transaction that stays undecided: said with its offsets, and with its producer as soon as the leader names it. */
export class OpenTransactionWatch {
  readonly #partition: TopicPartition;
  readonly #context: LandingContext;
  #open: OpenTransaction = null;
  #heldBack: HeldBack | null = null;

  constructor(partition: TopicPartition, context: LandingContext) {
    this.#partition = partition;
    this.#context = context;
    context.metrics.heldBack.set(this.#labels, 0);
  }

  get heldBack(): HeldBack | null {
    return this.#heldBack;
  }

  saw(offsets: PartitionOffsets): void {
    const { clock, metadata, metrics, log } = this.#context;
    const { open, heldBack } = watchTransaction(this.#open, offsets, clock.monotonic());
    this.#open = open;
    const before = this.#heldBack;
    const same = before !== null && before.startOffset === heldBack?.startOffset;
    this.#heldBack = heldBack === null ? null : { ...heldBack, producerId: same ? before.producerId : null };
    metrics.heldBack.set(this.#labels, heldBack === null ? 0 : Number(heldBack.endOffset - heldBack.startOffset));
    if (heldBack === null || same) return;
    log.warn({ ...this.#partition, from: heldBack.startOffset.toString() }, 'a transaction that stays open holds records back');
    void metadata
      .openProducer?.(this.#partition, heldBack.startOffset)
      .then((producerId) => {
        if (this.#heldBack?.startOffset === heldBack.startOffset) this.#heldBack = { ...this.#heldBack, producerId };
      })
      .catch((error) => log.debug({ ...this.#partition, err: error }, 'the producer of an open transaction was not told'));
  }

  /** The partition is not ours any more. */
  end(): void {
    this.#context.metrics.heldBack.remove(this.#labels);
  }

  get #labels(): { topic: string; partition: string } {
    return { topic: this.#partition.topic, partition: String(this.#partition.partition) };
  }
}
