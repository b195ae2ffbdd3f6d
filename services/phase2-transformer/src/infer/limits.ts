/** Levels of objects and arrays a record may nest, its own object included. Deeper ones are quarantined: the time some engines (DuckDB 1.5) take to open a list column doubles with each level. */
export const nestingDepthMax = 16;

/** Columns, struct members and list elements a table may have, undecided ones included; and members one record may have. */
export const schemaFieldsMax = 10_000;
