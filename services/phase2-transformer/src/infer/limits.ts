/** Levels of objects and arrays a record may nest, its own object included. Deeper ones are quarantined: definition levels of Parquet grow with each. */
export const nestingDepthMax = 32;

/** Columns, struct members and list elements a table may have, undecided ones included; and members one record may have. */
export const schemaFieldsMax = 10_000;
