import type { DuckDBConnection } from '@duckdb/node-api';
import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';
import { sqlText } from '../lake/duckdb.ts';

/** What DuckDB's parser tells of `SELECT (<predicate>)`. */
type Parsed = {
  error: boolean;
  error_message?: string;
  statements?: {
    node: {
      type: string;
      modifiers?: unknown[];
      select_list?: unknown[];
      from_table?: { type: string };
      where_clause?: unknown;
      group_expressions?: unknown[];
    };
  }[];
};

/**
 * Makes sure that a person's predicate is one SQL expression and nothing else: no second statement, no other clause. It is parsed, not run.
 * @throws kind `invalid`, code `bad_predicate`, in the parser's words
 */
export async function requireExpression(connection: DuckDBConnection, predicate: string): Promise<void> {
  if (predicate.trim() === '') throw bad(predicate, 'it is empty');
  // on a line of its own: a comment at its end must not take the bracket with it
  const [[json] = []] = (await connection.runAndReadAll(`SELECT json_serialize_sql(${sqlText(`SELECT (\n${predicate}\n)`)})`)).getRows();
  const parsed = JSON.parse(String(json)) as Parsed;
  if (parsed.error) throw bad(predicate, parsed.error_message ?? 'it cannot be parsed');
  const [statement, ...more] = parsed.statements ?? [];
  const node = statement?.node;
  const isOne =
    more.length === 0 &&
    node?.type === 'SELECT_NODE' &&
    node.select_list?.length === 1 &&
    node.from_table?.type === 'EMPTY' &&
    (node.where_clause ?? null) === null &&
    (node.modifiers ?? []).length === 0 &&
    (node.group_expressions ?? []).length === 0;
  if (!isOne) throw bad(predicate, 'it is more than one expression');
}

/** An error of a person's predicate. Pure. @param why words, or DuckDB's error */
export function bad(predicate: string, why: unknown): MillraceError {
  const words = describeError(why).split(/\n\s*\n/)[0] ?? '';
  return new MillraceError(
    'invalid',
    'bad_predicate',
    `--where "${predicate}" is not a condition on this table's columns: ${words}. Write it as behind WHERE in SQL, for example: id = 42 AND customer.address.country = 'NO'`,
  );
}
