import { describe, expect, test } from 'vitest';
import { checkFooter, footerRows } from '../../../src/formats/parquet/footer.ts';
import { batchOf, build, objectOf } from '../../support/batches.ts';
import { queryParquet } from '../../support/duckdb.ts';

const file = build(batchOf([objectOf(['{"a":[{"b":1.5}],"s":"x"}', '{}', '{"a":null}'])], { partitionKeys: ['day(_source_timestamp)'] }))
  .output.files[0]?.bytes as Uint8Array;

describe('the file before it is handed over', () => {
  test('its footer tells its rows', () => {
    expect(footerRows(file)).toBe(3);
    expect(() => checkFooter(file, 4)).toThrow(/3 rows, 4 were written/);
  });

  test('a cut or empty file is unsound', () => {
    for (const broken of [file.subarray(0, -1), file.subarray(1), new Uint8Array(), new Uint8Array(20)])
      expect(() => footerRows(broken)).toThrow(/unsound/);
  });

  test('types, field ids, zstd and created_by are what the table format asks for', async () => {
    const nodes = await queryParquet(
      [file],
      "SELECT name, type, repetition_type AS rep, field_id AS id, logical_type AS logical FROM parquet_schema($file) WHERE name <> 'arrow_schema'",
    );
    expect(nodes.map(({ name, type, rep, id }) => `${name} ${type ?? 'group'} ${rep} ${id ?? '-'}`)).toEqual([
      `a group OPTIONAL ${nodes[0]?.id}`,
      'list group REPEATED -',
      `element group OPTIONAL ${nodes[2]?.id}`,
      `b DOUBLE OPTIONAL ${nodes[3]?.id}`,
      `s BYTE_ARRAY OPTIONAL ${nodes[4]?.id}`,
      `_source_timestamp_day INT32 OPTIONAL ${nodes[5]?.id}`,
      `_source_topic BYTE_ARRAY OPTIONAL ${nodes[6]?.id}`,
      `_source_topic_id BYTE_ARRAY OPTIONAL ${nodes[7]?.id}`,
      `_source_partition INT32 OPTIONAL ${nodes[8]?.id}`,
      `_source_offset INT64 OPTIONAL ${nodes[9]?.id}`,
      `_source_timestamp INT64 OPTIONAL ${nodes[10]?.id}`,
    ]);
    const ids = nodes.flatMap(({ id }) => (id === null ? [] : [id]));
    expect(ids.length).toBe(10);
    expect(new Set(ids).size).toBe(ids.length);
    expect(nodes.at(-1)?.logical).toMatch(/isAdjustedToUTC=1.*MICROS=MicroSeconds/);
    const chunks = await queryParquet([file], 'SELECT DISTINCT compression FROM parquet_metadata($file)');
    expect(chunks).toEqual([{ compression: 'ZSTD' }]);
    expect((await queryParquet([file], 'SELECT created_by FROM parquet_file_metadata($file)'))[0]?.created_by).toMatch(
      /^millrace version \d+\.\d+\.\d+ \(build \w+\)$/,
    );
  });
});
