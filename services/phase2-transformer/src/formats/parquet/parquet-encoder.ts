import type { ColumnBuffer } from '../../columns/column-buffer.ts';

/**
 * Turns finished columns into one Parquet file: zstd, field ids on every node, 3-level lists, INT64 µs UTC timestamps, statistics, `created_by` in the classic pattern.
 * An interface so that a faster encoder can take the place of the first one.
 */
export interface ParquetEncoder {
  /**
   * @returns the whole file, owned by the receiver
   * @throws kind `internal`, code `parquet_unsound`, when the footer does not say what was written
   */
  encode(columns: readonly ColumnBuffer[], rows: number): Uint8Array;
  /** Bytes of memory held that are never given back: the host replaces the thread when they grow. */
  heldBytes(): number;
}
