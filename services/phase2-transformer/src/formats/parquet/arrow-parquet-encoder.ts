import { tableToIPC } from 'apache-arrow';
import { Compression, EnabledStatistics, Table, WriterPropertiesBuilder, wasmMemory, writeParquet } from 'parquet-wasm';
import type { ColumnBuffer } from '../../columns/column-buffer.ts';
import { arrowTable } from './arrow-columns.ts';
import { checkFooter } from './footer.ts';
import type { ParquetEncoder } from './parquet-encoder.ts';

/** Old readers decide from this pattern, `<product> version x (build y)`, whether statistics can be trusted. */
const createdBy = 'millrace version 0.1.0 (build 0)';

/** Rows and bytes of a row group; a file of one micro-batch has one group. */
const rowGroupRowsMax = 1_048_576;
const rowGroupBytesMax = 128 * 1024 * 1024;

/** Encodes by Arrow IPC into parquet-wasm. Synchronous, hundreds of milliseconds a batch: for worker threads only. */
export class ArrowParquetEncoder implements ParquetEncoder {
  encode(columns: readonly ColumnBuffer[], rows: number): Uint8Array {
    const ipc = tableToIPC(arrowTable(columns, rows), 'stream');
    const properties = new WriterPropertiesBuilder()
      .setCompression(Compression.ZSTD)
      .setCreatedBy(createdBy)
      .setMaxRowGroupSize(rowGroupRowsMax)
      .setMaxRowGroupBytes(rowGroupBytesMax)
      .setStatisticsEnabled(EnabledStatistics.Page)
      .build();
    // both arguments are consumed
    const file = writeParquet(Table.fromIPCStream(ipc), properties);
    checkFooter(file, rows);
    return file;
  }

  heldBytes(): number {
    return wasmMemory().buffer.byteLength;
  }
}
