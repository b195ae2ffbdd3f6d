import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { SchemaVersionRecord } from '@millrace/core/domain/reports.ts';
import type { BatchLimits } from '../plan/batches.ts';
import type { ChainPiece } from '../plan/pieces.ts';
import type { BatchDeps } from './batch-run.ts';
import type { BuildLimits } from './build-batch.ts';
import type { BatchFacts } from './metrics/batches.ts';
import type { OthersLog } from './others-log.ts';
import type { BatchSlots } from './slots.ts';
import type { TableHead } from './table-head.ts';

/** What a leg tells the process it runs in. Must not throw or block. */
export type LegEvents = {
  changed(): void;
  schemaVersion(record: SchemaVersionRecord): void;
  committed(facts: BatchFacts & { head: TableHead; pieces: readonly ChainPiece[]; fileBytes: number }): void;
  dropped(dataset: string): void;
  failed(dataset: string): void;
};

export type LegDeps = BatchDeps & { slots: BatchSlots; log: Logger; worker: string; events: LegEvents; others: OthersLog };

/** `slowPollMs`: between two looks at a chain whose entries are announced. */
export type LegLimits = BatchLimits & BuildLimits & { slowPollMs?: number };
