#!/usr/bin/env python3
"""Reads a Delta table with delta-rs: read_delta_rs.py --url file:///tables/orders|s3://bucket/tables/orders --out rows.tsv"""

import argparse
import os

import deltalake

from reader_output import arrow_rows, arrow_schema, write


def storage_options(url: str) -> dict[str, str]:
    if not url.startswith("s3://"):
        return {}
    return {
        "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL_S3"],
        "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
        "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
        "AWS_REGION": os.environ.get("AWS_REGION", "us-east-1"),
        "AWS_ALLOW_HTTP": "true",
    }


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--out", required=True)
    given = arguments.parse_args()
    table = deltalake.DeltaTable(given.url, storage_options=storage_options(given.url)).to_pyarrow_table()
    schema = arrow_schema(table.schema)
    write("delta-rs", deltalake.__version__, schema, arrow_rows(table.to_batches(max_chunksize=2000), schema), given.out)


if __name__ == "__main__":
    main()
