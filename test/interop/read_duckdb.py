#!/usr/bin/env python3
"""Reads a Delta table with DuckDB's delta extension: read_duckdb.py --url file:///tables/orders|s3://bucket/tables/orders --out rows.tsv

MILLRACE_TEST_DUCKDB_EXTENSIONS may name the folder of the extensions' files; without it the packaged ones are imported.
"""

import argparse
import os
from urllib.parse import urlsplit

import duckdb

from reader_output import arrow_rows, arrow_schema, write


def load(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    folder = os.environ.get("MILLRACE_TEST_DUCKDB_EXTENSIONS")
    if not folder:
        from duckdb_extensions import import_extension

        import_extension(extension)
    connection.execute(f"LOAD '{folder}/{extension}.duckdb_extension'" if folder else f"LOAD {extension}")


def text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def use_s3(connection: duckdb.DuckDBPyConnection) -> None:
    """The S3 server of the AWS variables, by path style."""
    load(connection, "httpfs")
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
    connection.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID {text(os.environ['AWS_ACCESS_KEY_ID'])}, SECRET {text(os.environ['AWS_SECRET_ACCESS_KEY'])}, "
        f"REGION {text(os.environ.get('AWS_REGION', 'us-east-1'))}, ENDPOINT {text(endpoint.netloc)}, "
        f"USE_SSL {'true' if endpoint.scheme == 'https' else 'false'}, URL_STYLE 'path')"
    )


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--out", required=True)
    given = arguments.parse_args()
    # what is not packaged is an error here, never a download
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    load(connection, "delta")
    if given.url.startswith("s3://"):
        use_s3(connection)
    connection.execute("SET TimeZone = 'UTC'")
    url = text(given.url)
    (counted,) = connection.execute(f"SELECT count(*) FROM delta_scan({url})").fetchone()
    reader = connection.execute(f"SELECT * FROM delta_scan({url})").to_arrow_reader(2000)
    schema = arrow_schema(reader.schema)
    rows = list(arrow_rows(reader, schema))
    if counted != len(rows):
        raise SystemExit(f"count(*) says {counted}, {len(rows)} rows were read")
    write("duckdb", duckdb.__version__, schema, rows, given.out)


if __name__ == "__main__":
    main()
