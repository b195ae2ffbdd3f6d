#!/usr/bin/env python3
"""Reads a Delta table with Spark: read_spark.py --url file:///tables/orders --out rows.tsv --jars DIR"""

import argparse
import glob
import os

os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")

import pyspark
from pyspark.sql import SparkSession

from reader_output import canonical_row, write


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--jars", required=True, help="folder of Delta's jars")
    given = arguments.parse_args()
    jars = ":".join(sorted(glob.glob(f"{given.jars}/*.jar")))
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.extraClassPath", jars)
        .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
        .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "3g")
        .config("spark.driver.maxResultSize", "2g")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.databricks.delta.snapshotPartitions", "2")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.read.format("delta").load(given.url)
    schema = frame.schema.jsonValue()
    counted = frame.count()
    rows = [canonical_row(row.asDict(recursive=True), schema) for row in frame.collect()]
    if counted != len(rows):
        raise SystemExit(f"count() says {counted}, {len(rows)} rows were read")
    write("spark", pyspark.__version__, schema, rows, given.out)
    spark.stop()


if __name__ == "__main__":
    main()
