/** What the standard `OTEL_*` variables ask of tracing; what is not here the exporter reads by itself (endpoint, headers, time-out, compression, certificates). */
export type TracingSettings = {
  sampler: Sampler;
  /** spans that wait at most; more are dropped */
  queueMax: number;
  /** spans sent at a time at most */
  exportMax: number;
  /** ms between two exports */
  delayMs: number;
  /** ms for one export with its repetitions */
  timeoutMs: number;
  /** links of one span at most; the first are dropped and counted */
  linksMax: number;
};

/** `ratio`: of all traces that begin here, 0 to 1. Each of ours begins here, so `parentbased_` makes no difference. */
export type Sampler = { kind: 'on' } | { kind: 'off' } | { kind: 'ratio'; ratio: number };

type Env = Readonly<Record<string, string | undefined>>;

/** Settings, undefined when tracing is off; and whatever in the variables is not followed, for the log. */
export type TracingWishes = { settings: TracingSettings | undefined; notices: string[] };

/**
 * Reads the standard variables. Pure. Empty values count as absent, unusable ones are named and the default stands, as the specification wants it.
 * Off: no endpoint, one that is no URL, `OTEL_SDK_DISABLED=true`, or an exporter other than `otlp`.
 * @see OpenTelemetry specification, "Environment Variable Specification"
 */
export function readTracingSettings(env: Env): TracingWishes {
  const given = (name: string) => env[name]?.trim() || undefined;
  const endpoint = given('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? given('OTEL_EXPORTER_OTLP_ENDPOINT');
  const isOff = given('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || (given('OTEL_TRACES_EXPORTER') ?? 'otlp') !== 'otlp';
  if (endpoint === undefined || isOff) return { settings: undefined, notices: [] };
  // left to itself the exporter would send to localhost then
  if (!/^https?:\/\/[^\s/]/.test(endpoint) || !URL.canParse(endpoint))
    return { settings: undefined, notices: [`tracing is off: the endpoint ${endpoint.replace(/^.*@/, '…@')} is not http(s)://host:port`] };
  const notices: string[] = [];
  const whole = (name: string, fallback: number) => {
    const text = given(name);
    if (text === undefined) return fallback;
    if (/^[0-9]{1,9}$/.test(text) && Number(text) > 0) return Number(text);
    notices.push(`${name}=${text} is not a whole number above 0: ${fallback} it is`);
    return fallback;
  };
  const protocol = given('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? given('OTEL_EXPORTER_OTLP_PROTOCOL') ?? 'http/json';
  if (protocol !== 'http/json')
    notices.push(`spans go out as http/json, not as ${protocol}: the endpoint must be a collector's HTTP port (4318)`);
  const queueMax = whole('OTEL_BSP_MAX_QUEUE_SIZE', 2_048);
  const settings: TracingSettings = {
    sampler: readSampler(given('OTEL_TRACES_SAMPLER'), given('OTEL_TRACES_SAMPLER_ARG'), notices),
    queueMax,
    exportMax: Math.min(queueMax, whole('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512)),
    delayMs: whole('OTEL_BSP_SCHEDULE_DELAY', 5_000),
    timeoutMs: whole('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    linksMax: whole('OTEL_SPAN_LINK_COUNT_LIMIT', 128),
  };
  return { settings, notices };
}

function readSampler(name = 'parentbased_always_on', argument: string | undefined, notices: string[]): Sampler {
  const kind = name.replace(/^parentbased_/, '');
  if (kind === 'always_on') return { kind: 'on' };
  if (kind === 'always_off') return { kind: 'off' };
  if (kind !== 'traceidratio') {
    notices.push(`OTEL_TRACES_SAMPLER=${name} is not known here: every trace is taken`);
    return { kind: 'on' };
  }
  const ratio = argument === undefined ? 1 : Number(argument);
  if (ratio >= 0 && ratio <= 1) return { kind: 'ratio', ratio };
  notices.push(`OTEL_TRACES_SAMPLER_ARG=${argument} is not between 0 and 1: every trace is taken`);
  return { kind: 'on' };
}
