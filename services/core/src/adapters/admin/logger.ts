import { type Logger, pino } from 'pino';
import { describeError, MillraceError } from '../../domain/errors.ts';

export type { Logger } from 'pino';

/** How an error shows in a log line: one sentence with its causes, our kind, code and fields; the stack only of what is unexpected. Pure. */
function errorForLog(error: unknown): Record<string, unknown> {
  if (error instanceof MillraceError)
    return {
      kind: error.kind,
      code: error.code,
      message: describeError(error),
      ...error.fields,
      ...(error.kind === 'internal' ? { stack: error.stack } : {}),
    };
  return {
    message: describeError(error),
    ...(error instanceof Error ? { stack: error.stack } : {}),
  };
}

/**
 * One JSON line an event on standard output, written at once so that nothing is lost when the process is killed.
 * Give errors as `{ err }`. Never log records, secrets or whole environments.
 * @param service name in every line, e.g. `metastore`
 * @param level LOG_LEVEL
 */
export function createLogger(service: string, level: string): Logger {
  return pino(
    {
      level,
      base: { service, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorForLog },
    },
    pino.destination({ dest: 1, sync: true }),
  );
}
