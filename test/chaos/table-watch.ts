import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Follows the positions of one table in the store's own directory, from its commits' `txn` actions. */
export class TableWatch {
  readonly #log: string;
  readonly #topicId: string;
  readonly #positions = new Map<number, bigint>();
  #version = 0;

  constructor(tablesDir: string, dataset: string, topicId: string) {
    this.#log = join(tablesDir, dataset, '_delta_log');
    this.#topicId = topicId;
  }

  /** Reads every new commit. */
  poll(): void {
    for (let commit = this.#read(); commit !== undefined; commit = this.#read()) {
      this.#version++;
      for (const line of commit.split('\n')) {
        if (!line.startsWith('{"txn"')) continue;
        const { txn } = JSON.parse(line) as { txn: { appId: string; version: number } };
        const [, topicId, partition] = txn.appId.split('/');
        if (topicId === this.#topicId) this.#positions.set(Number(partition), BigInt(txn.version));
      }
    }
  }

  /** Next offset of a partition; 0 before its first commit. */
  position(partition: number): bigint {
    return this.#positions.get(partition) ?? 0n;
  }

  get commits(): number {
    return this.#version;
  }

  #read(): string | undefined {
    try {
      return readFileSync(join(this.#log, `${String(this.#version).padStart(20, '0')}.json`), 'utf8');
    } catch {
      // not there yet
      return undefined;
    }
  }
}
