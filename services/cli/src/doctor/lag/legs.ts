import { nextStep } from '../next-step.ts';

/*
 * How far behind each dataset is, leg by leg, and what that means. Facts in, lines out: pure.
 */

/** From Kafka into the raw zone, and from there into the table. */
export type Leg = 'landing' | 'table';

/** Next offsets of one source partition. `end`: Kafka's last stable offset, null when nobody knows. Times are Kafka's, ms; null when not looked up. */
export type PartitionLag = {
  topicId: string;
  partition: number;
  end: bigint | null;
  landed: bigint;
  committed: bigint;
  oldestUnlandedMs: number | null;
  oldestUncommittedMs: number | null;
};

/** All that is known of one dataset. */
export type DatasetLag = {
  dataset: string;
  topic: string;
  /** `PAUSED`, `BLOCKED` …; null when the metastore is away */
  state: string | null;
  nextAction: string | null;
  partitions: PartitionLag[];
  /** the metastore's own estimate for both legs together, never too small; null when it has none */
  estimateSeconds: number | null;
  /** so long ago phase 1 said where Kafka's ends are, seconds; 0 when Kafka itself was asked; null when nobody ever did */
  endsAgeSeconds: number | null;
  /** the ends are of now: Kafka told them, or a phase 1 that reports. False: more may wait than is known */
  endsKnown: boolean;
};

/** One leg of one dataset. `seconds`: age of the oldest record that waits, 0 when none does, null when it cannot be told. */
export type LegLag = {
  dataset: string;
  topic: string;
  leg: Leg;
  records: bigint | null;
  seconds: number | null;
  /** `seconds` may be too large: nobody looked the record up, as after a rest of hours when the first new one has just come */
  estimated: boolean;
  /** more and older records may wait than these: nobody could be asked where Kafka ends */
  atLeast: boolean;
  /** sum of the leg's next offsets: what grows when it works */
  position: bigint;
  /** why nobody need hurry, or what a person has to do first; a restart helps neither */
  waitsFor: string | null;
  /** it is meant to stand still */
  paused: boolean;
};

/** What phase 1 said longer ago than this is no news, seconds. */
const freshSeconds = 60;

/** Both legs of a dataset. @param now ms since 1970 */
export function legsOf(facts: DatasetLag, now: number): [LegLag, LegLag] {
  const { dataset, topic, partitions, state } = facts;
  const paused = state === 'PAUSED';
  const waitsFor =
    state === 'BLOCKED'
      ? facts.nextAction === null
        ? 'a decision'
        : nextStep(facts.nextAction)
      : paused
        ? 'it is paused by a person'
        : null;
  const sum = (of: (partition: PartitionLag) => bigint) => partitions.reduce((total, partition) => total + of(partition), 0n);
  const age = (times: (number | null)[], records: bigint | null): Pick<LegLag, 'seconds' | 'estimated'> => {
    if (records === null) return { seconds: null, estimated: false };
    if (records === 0n) return { seconds: 0, estimated: false };
    const known = times.flatMap((time) => (time === null ? [] : [time]));
    if (known.length === 0) return { seconds: facts.estimateSeconds, estimated: true };
    return { seconds: Math.max(0, (now - Math.min(...known)) / 1000), estimated: false };
  };

  const unlanded = partitions.some(({ end }) => end === null) ? null : sum(({ end, landed }) => behind(end ?? landed, landed));
  const landing = age(
    partitions.map(({ oldestUnlandedMs }) => oldestUnlandedMs),
    unlanded,
  );
  // a silent phase 1 would otherwise look as if Kafka had nothing new
  if (!facts.endsKnown && partitions.length === 0) landing.seconds = null;
  if (!facts.endsKnown && facts.endsAgeSeconds !== null && facts.endsAgeSeconds > freshSeconds)
    landing.seconds = Math.max(landing.seconds ?? 0, facts.endsAgeSeconds);
  const uncommitted = sum(({ landed, committed }) => behind(landed, committed));
  const common = { dataset, topic };
  return [
    {
      ...common,
      leg: 'landing',
      records: unlanded,
      ...landing,
      atLeast: !facts.endsKnown,
      position: sum(({ landed }) => landed),
      waitsFor: paused ? null : waitsFor,
      paused: false,
    },
    {
      ...common,
      leg: 'table',
      records: uncommitted,
      ...age(
        partitions.map(({ oldestUncommittedMs }) => oldestUncommittedMs),
        uncommitted,
      ),
      atLeast: false,
      position: sum(({ committed }) => committed),
      waitsFor,
      paused,
    },
  ];
}

const behind = (end: bigint, at: bigint) => (end > at ? end - at : 0n);

/** `over` the limit · `stuck` over it and did not move between two looks · `paused` · `unknown`. */
export type Verdict = 'ok' | 'over' | 'stuck' | 'paused' | 'unknown';
export type JudgedLeg = LegLag & { verdict: Verdict };

/** True when the leg is later than allowed. A table that a person paused is not asked. */
export const isOver = ({ seconds, paused }: LegLag, maxSeconds: number): boolean => !paused && seconds !== null && seconds > maxSeconds;

/**
 * Judges the second of two looks.
 * @param before the first look, some seconds earlier; undefined when there was only one: then nothing counts as stuck
 */
export function judgeLegs(legs: readonly LegLag[], before: readonly LegLag[] | undefined, maxSeconds: number): JudgedLeg[] {
  const keyOf = ({ dataset, leg }: LegLag) => `${leg} ${dataset}`;
  const first = new Map(before?.map((leg) => [keyOf(leg), leg]));
  return legs.map((leg) => {
    const earlier = first.get(keyOf(leg));
    const stood = earlier !== undefined && isOver(earlier, maxSeconds) && earlier.position === leg.position;
    const verdict = verdictOf(leg, stood);
    return verdict === 'unknown' && leg.atLeast ? { ...leg, records: null, seconds: null, verdict } : { ...leg, verdict };
  });

  function verdictOf(leg: LegLag, stood: boolean): Verdict {
    if (leg.paused) return 'paused';
    if (leg.seconds === null) return 'unknown';
    if (!isOver(leg, maxSeconds)) return leg.atLeast ? 'unknown' : 'ok';
    return stood ? 'stuck' : 'over';
  }
}

/** The legs whose workers a restart may help: stuck, and not by a decision that is missing. In order, each once. */
export function legsToRestart(legs: readonly JudgedLeg[]): Leg[] {
  const stuck = legs.filter(({ verdict, waitsFor }) => verdict === 'stuck' && waitsFor === null).map(({ leg }) => leg);
  return (['landing', 'table'] as const).filter((leg) => stuck.includes(leg));
}
