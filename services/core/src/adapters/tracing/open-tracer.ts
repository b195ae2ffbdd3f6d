import { describeError } from '../../domain/errors.ts';
import type { Tracer } from '../../ports/tracer.ts';
import type { Logger } from '../admin/logger.ts';
import { readTracingSettings } from './settings.ts';

/**
 * The tracer that the standard `OTEL_*` variables ask for. Off by default: then nothing of OpenTelemetry is loaded.
 * A tracer that cannot be opened is a warning and no reason to end.
 * @param service what `OTEL_SERVICE_NAME` says when it is absent
 */
export async function openTracer(
  env: Readonly<Record<string, string | undefined>>,
  service: string,
  log: Logger,
): Promise<Tracer | undefined> {
  const { settings, notices } = readTracingSettings(env);
  for (const notice of notices) log.warn(notice);
  if (settings === undefined) return undefined;
  try {
    const { OtlpTracer } = await import('./otlp-tracer.ts');
    const tracer = new OtlpTracer(settings, service, log);
    log.info({ tracing: settings }, 'publications and batches are traced');
    return tracer;
  } catch (error) {
    log.warn({ cause: describeError(error) }, 'tracing cannot be set up: it is off');
    return undefined;
  }
}
