import { hostname } from 'node:os';
import {
  type Context,
  type DiagLogger,
  DiagLogLevel,
  diag,
  type Link,
  ROOT_CONTEXT,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { describeError } from '../../domain/errors.ts';
import type { Tracer, WorkTrace } from '../../ports/tracer.ts';
import type { Logger } from '../admin/logger.ts';
import type { Sampler, TracingSettings } from './settings.ts';
import { traceIdsOf } from './trace-ids.ts';

/** What is not sent this long after a request to end is let go, ms. */
const closeMs = 1_000;
/** Troubles of sending are told at most this often, ms. */
const troubleEveryMs = 60_000;

/** Sends spans by OTLP over HTTP, many at a time. What waits is bounded by the SDK's queue: beyond it spans are dropped. */
export class OtlpTracer implements Tracer {
  readonly #provider: TracerProvider;
  readonly #ids = new GivenIds();

  /** Endpoint, headers and the like are read from the environment by the exporter itself. */
  constructor(settings: TracingSettings, service: string, log: Logger) {
    diag.setLogger(rareWarnings(log), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
    const processor = new BatchSpanProcessor({
      exporter: new OTLPTraceExporter(),
      maxQueueSize: settings.queueMax,
      maxExportBatchSize: settings.exportMax,
      scheduledDelayMillis: settings.delayMs,
      exportTimeoutMillis: settings.timeoutMs,
    });
    this.#provider = new TracerProvider({
      resource: defaultResource()
        .merge(resourceFromAttributes({ 'service.name': service, 'service.instance.id': `${hostname()}-${process.pid}` }))
        .merge(detectResources({ detectors: [envDetector] })),
      sampler: samplerOf(settings.sampler),
      spanLimits: { linkCountLimit: settings.linksMax },
      idGenerator: this.#ids,
      spanProcessors: [processor],
    });
  }

  record(work: WorkTrace): void {
    try {
      this.#spans(work);
    } catch (error) {
      // the work is done and true: what is told of it must not undo it
      diag.warn(describeError(error));
    }
  }

  #spans(work: WorkTrace): void {
    const tracer = this.#provider.getTracer('millrace');
    const { startMs: startTime, attributes } = work;
    const root = this.#ids.withNext(work.attemptId, () => tracer.startSpan(work.name, { startTime, attributes, root: true }, ROOT_CONTEXT));
    const inside: Context = trace.setSpan(ROOT_CONTEXT, root);
    for (const { stage, startMs, endMs, failed } of work.stages) {
      const links = stage === 'commit' ? work.publications.map(linkTo) : [];
      const span = tracer.startSpan(stage, { startTime: startMs, links }, inside);
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(endMs);
    }
    if (work.failure !== undefined) root.setStatus({ code: SpanStatusCode.ERROR, message: work.failure });
    root.end(work.endMs);
  }

  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, closeMs);
    });
    await Promise.race([this.#provider.shutdown().catch(() => undefined), late]);
    clearTimeout(timer);
  }
}

/** Ids at random, but for the one root span whose ids follow from an attempt id. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #next: { traceId: string; spanId: string } | undefined;

  /** `start` starts one span, at once. */
  withNext<T>(attemptId: string | undefined, start: () => T): T {
    this.#next = attemptId === undefined ? undefined : traceIdsOf(attemptId);
    try {
      return start();
    } finally {
      this.#next = undefined;
    }
  }

  generateTraceId(): string {
    return this.#next?.traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#next?.spanId ?? this.#random.generateSpanId();
  }
}

/** Whether that span was taken is not known here; a link to one that was not leads nowhere and harms nothing. */
function linkTo(attemptId: string): Link {
  return {
    context: { ...traceIdsOf(attemptId), traceFlags: TraceFlags.SAMPLED, isRemote: true },
    attributes: { 'millrace.attempt_id': attemptId },
  };
}

function samplerOf(sampler: Sampler) {
  if (sampler.kind === 'ratio') return new TraceIdRatioBasedSampler(sampler.ratio);
  return sampler.kind === 'on' ? new AlwaysOnSampler() : new AlwaysOffSampler();
}

/** The SDK's warnings as log lines, few of them: a collector that is away says the same each few seconds. */
function rareWarnings(log: Logger): DiagLogger {
  let quietUntil = 0;
  const warn = (message: string) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + troubleEveryMs;
    log.warn({ cause: message }, 'spans could not be sent; what waits too long is dropped');
  };
  const quiet = () => undefined;
  return { error: warn, warn, info: quiet, debug: quiet, verbose: quiet };
}
