#!/usr/bin/env python3
"""Reads a Delta table with DuckDB's delta extension: read_duckdb.py --url file:///tables/orders --out rows.tsv

MILLRACE_TEST_DUCKDB_DELTA may name the extension's file; without it the packaged one is imported.
"""

import argparse
import os

import duckdb

from reader_output import arrow_rows, arrow_schema, write


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--out", required=True)
    given = arguments.parse_args()
    extension = os.environ.get("MILLRACE_TEST_DUCKDB_DELTA")
    if not extension:
        from duckdb_extensions import import_extension

        import_extension("delta")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'" if extension else "LOAD delta")
    connection.execute("SET TimeZone = 'UTC'")
    url = given.url.replace("'", "''")
    (counted,) = connection.execute(f"SELECT count(*) FROM delta_scan('{url}')").fetchone()
    reader = connection.execute(f"SELECT * FROM delta_scan('{url}')").to_arrow_reader(2000)
    schema = arrow_schema(reader.schema)
    rows = list(arrow_rows(reader, schema))
    if counted != len(rows):
        raise SystemExit(f"count(*) says {counted}, {len(rows)} rows were read")
    write("duckdb", duckdb.__version__, schema, rows, given.out)


if __name__ == "__main__":
    main()
