import { type FaultRates, Io } from '../engine/io.ts';
import type { Prng } from '../engine/prng.ts';
import type { SimProcess } from '../engine/process.ts';
import { Scheduler } from '../engine/scheduler.ts';
import type { RunOptions, RunResult, World } from '../engine/world.ts';
import { LandingProcess, type Phase1Parts, type Phase1Settings } from './landing-process.ts';
import { Phase1Laws } from './laws.ts';
import { ModelGroup } from './model-group.ts';
import { ModelKafka, type ModelLog } from './model-kafka.ts';

/** After the faults a run must come to rest within so long, ms of virtual time. */
const restWithinMs = 900_000;
/** Events of a run: more means that something runs in circles. */
const stepsMax = 80_000;

const partitionsMax = 4;

/** What happens half-way through a calm run, by its seed: partitions change hands, the topic is made again, a worker ends in good order. */
const calmTurns = ['handover', 'recreate', 'terminate'] as const;
const calmTurnMs = 2_500;

/** What is done to a run, each by a chance of its own in every seed. */
const troubles = [
  'kill',
  'stall',
  'twoOwners',
  'handover',
  'terminate',
  'leaderMove',
  'recreate',
  'addPartition',
  'retention',
  'overrun',
  'compact',
  'starve',
  'metastoreAway',
  'outage',
] as const;
type Trouble = (typeof troubles)[number];

/** Phase 1: real workers, real claims and publications, over a model store, a model Kafka and a model group. */
export const phase1World: World = {
  name: 'phase1',
  run: (seed, options = {}) => new Phase1Run(seed, options).run(),
};

class Phase1Run {
  readonly #calm: boolean;
  readonly #scheduler: Scheduler;
  readonly #prng: Prng;
  readonly #io: Io;
  readonly #kafka = new ModelKafka();
  readonly #laws: Phase1Laws;
  readonly #parts: Phase1Parts;
  readonly #lateness: { minMs: number; maxMs: number };
  readonly #wanted: number;
  readonly #lastsMs: number;
  readonly #calmTurn: Trouble;
  readonly #workers: LandingProcess[] = [];
  #started = 0;
  #healed = false;

  constructor(seed: number, { plan, calm = false, tracing = false }: RunOptions) {
    this.#calm = calm;
    this.#calmTurn = calmTurns[seed % calmTurns.length] as Trouble;
    this.#scheduler = new Scheduler(seed, tracing);
    this.#prng = this.#scheduler.prng.fork();
    const prng = this.#prng;
    const settings = drawSettings(prng, calm);
    this.#lateness = calm ? { minMs: 100, maxMs: 101 } : { minMs: 50, maxMs: 50 + prng.int(1, 350) };
    this.#wanted = calm ? 2 : prng.int(1, 4);
    this.#lastsMs = calm ? 5_000 : prng.int(5_000, 20_000);
    this.#io = new Io(this.#scheduler, {
      rates: calm ? {} : drawRates(prng),
      ...(plan === undefined ? {} : { plan }),
      latencyMs: { min: 1, max: 15 },
      delayMs: { min: 100, max: 4_000 },
      timeoutMs: { min: 200, max: 6_000 },
      onCrash: () => this.#startLater(),
      onHeld: (process, _point, release) => this.#held(process, release),
    });
    this.#laws = new Phase1Laws(this.#kafka, this.#io);
    this.#kafka.create(calm ? 1 : prng.int(1, partitionsMax), prng.int(0, 3), 0);
    const group = new ModelGroup(this.#scheduler, this.#kafka, settings.sessionTimeoutMs);
    const troubleRate = calm || prng.chance(0.7) ? 0 : 0.03;
    const { scheduler, io, kafka, laws } = { scheduler: this.#scheduler, io: this.#io, kafka: this.#kafka, laws: this.#laws };
    this.#parts = { scheduler, io, kafka, group, laws, settings, metastoreAway: false, troubleRate };
  }

  async run(): Promise<RunResult> {
    const scheduler = this.#scheduler;
    for (let left = this.#wanted; left > 0; left--) this.#start();
    this.#produceOn();
    if (this.#calm) scheduler.after(calmTurnMs, () => this.#make(this.#calmTurn));
    else this.#troubleOn(drawTroubles(this.#prng));
    this.#watch();
    await scheduler.run(() => false, this.#lastsMs, stepsMax);
    this.#heal();
    const landed = () => this.#laws.broken.length > 0 || this.#allLanded();
    const why = await scheduler.run(landed, scheduler.nowMs + restWithinMs, stepsMax);
    if (why === 'steps') this.#laws.broken.push(`no rest after ${stepsMax} events`);
    this.#io.releaseHeld();
    await scheduler.run(() => false, scheduler.nowMs + 2_000, stepsMax + 2_000);
    this.#laws.checkAllLanded();
    for (const { process } of this.#workers) process.kill();
    const { broken, compared, store } = this.#laws;
    const digest = `${scheduler.steps} ${scheduler.nowMs.toFixed(3)} ${store.objects.size} ${this.#io.points.length} ${compared}`;
    return { broken, compared, faults: this.#io.faults, points: this.#io.points, trace: scheduler.trace, digest };
  }

  #start(): void {
    const name = `w${++this.#started}`;
    const skewMs = this.#calm || this.#prng.chance(0.8) ? 0 : this.#prng.int(-3_600_000, 3_600_000);
    this.#scheduler.note(() => `${name}: starts`);
    this.#workers.push(new LandingProcess(name, this.#parts, this.#lateness, skewMs));
  }

  #startLater(): void {
    this.#scheduler.after(this.#prng.int(200, 3_000), () => {
      if (this.#living().length < this.#wanted) this.#start();
    });
  }

  #living(): LandingProcess[] {
    return this.#workers.filter(({ process, ended }) => process.alive && ended === undefined);
  }

  /** Looks after processes that have ended, well or badly. */
  #watch(): void {
    for (const { process, ended } of this.#workers) {
      if (ended === undefined || !process.alive) continue;
      process.kill();
      if (ended !== null) this.#laws.broken.push(`${process.name} ended: ${ended}`);
      this.#startLater();
    }
    this.#scheduler.after(300, () => this.#watch());
  }

  #produceOn(): void {
    if (this.#healed) return;
    this.#kafka.produce(this.#prng, this.#scheduler.nowMs);
    this.#scheduler.after(this.#calm ? 400 : this.#prng.int(50, 1_000), () => this.#produceOn());
  }

  #troubleOn(weights: Record<Trouble, number>): void {
    this.#scheduler.after(this.#prng.int(200, 4_000), () => {
      if (this.#healed) return;
      const trouble = this.#prng.weighted(weights);
      if (weights[trouble] > 0) {
        this.#scheduler.note(() => `-- ${trouble}`);
        this.#io.count(trouble);
        this.#make(trouble);
      }
      this.#troubleOn(weights);
    });
  }

  #make(trouble: Trouble): void {
    const prng = this.#prng;
    const { group } = this.#parts;
    const { sessionTimeoutMs } = this.#parts.settings;
    const worker = this.#living()[prng.int(0, Math.max(1, this.#living().length))];
    const { current } = this.#kafka;
    switch (trouble) {
      case 'kill':
        if (worker !== undefined) this.#kill(worker.process);
        break;
      case 'stall':
        if (worker !== undefined) this.#stall(worker.process, prng.int(100, 3 * sessionTimeoutMs));
        break;
      case 'twoOwners':
        if (worker?.member !== undefined) group.cutOff(worker.member, prng.int(100, 4 * sessionTimeoutMs));
        break;
      case 'handover':
        group.shuffle();
        break;
      case 'terminate':
        worker?.worker.stop();
        break;
      case 'leaderMove':
        if (current !== null) current.leaderEpoch++;
        break;
      case 'recreate':
        this.#recreate();
        break;
      case 'addPartition':
        if (current !== null && current.logs.length < partitionsMax) this.#kafka.addPartition();
        break;
      case 'retention':
        this.#onLog((log, landed) => log.expire(landed));
        break;
      case 'overrun':
        this.#onLog((log, landed) => {
          const to = Math.min(log.lastStable, landed + prng.int(0, 5));
          if (to > landed) log.overrun = true;
          log.expire(to);
        });
        break;
      case 'compact':
        this.#onLog((log) => log.compact(prng));
        break;
      case 'starve':
        for (const { starvedUntil } of group.members)
          starvedUntil.set(`${this.#kafka.topic}/${prng.int(0, partitionsMax)}`, this.#scheduler.nowMs + prng.int(500, 30_000));
        break;
      case 'metastoreAway':
        this.#parts.metastoreAway = true;
        this.#scheduler.after(prng.int(500, 6_000), () => (this.#parts.metastoreAway = false));
        break;
      case 'outage':
        this.#outage(prng.int(2_000, 30_000));
    }
  }

  #kill(process: SimProcess): void {
    process.kill();
    this.#startLater();
  }

  /** No request gets a good answer for a while, and nobody can tell which were carried out. */
  #outage(ms: number): void {
    const usual = this.#io.options.rates;
    this.#io.options.rates = { error: 0.3, lost: 0.4, answerLost: 0.3 };
    this.#scheduler.after(ms, () => {
      if (!this.#healed) this.#io.options.rates = usual;
    });
  }

  #recreate(): void {
    const { current } = this.#kafka;
    if (current === null) return;
    const prng = this.#prng;
    const again = () => {
      if (this.#kafka.current !== null) return;
      const leaderEpoch = prng.chance(0.5) ? 0 : current.leaderEpoch + prng.int(0, 2);
      this.#kafka.create(prng.int(1, partitionsMax), leaderEpoch, this.#scheduler.nowMs);
      for (let left = prng.int(0, 6); left > 0; left--) this.#kafka.produce(prng, this.#scheduler.nowMs);
    };
    this.#kafka.remove(this.#scheduler.nowMs);
    if (prng.chance(0.5)) again();
    else this.#scheduler.after(prng.int(10, 4_000), again);
  }

  /** Does something to one log of the topic. `landed`: what its chain holds, a number. */
  #onLog(act: (log: ModelLog, landed: number) => void): void {
    const { current } = this.#kafka;
    if (current === null) return;
    const partition = this.#prng.int(0, current.logs.length);
    const log = current.logs[partition] as ModelLog;
    act(log, Number(this.#laws.tail(current, partition)?.endOffset ?? log.earliest));
  }

  #stall(process: SimProcess, ms: number): void {
    process.pause();
    this.#scheduler.after(ms, () => process.resume());
  }

  /** A request is held: often its sender is stopped or killed too, and it is let go when somebody else has the work, or much later. */
  #held(process: SimProcess, release: () => void): void {
    const prng = this.#prng;
    const { sessionTimeoutMs } = this.#parts.settings;
    const way = prng.weighted({ stall: 4, kill: 2, nothing: 2 });
    if (way === 'stall') this.#scheduler.after(0, () => this.#stall(process, prng.int(sessionTimeoutMs, 3 * sessionTimeoutMs)));
    if (way === 'kill') this.#scheduler.after(0, () => this.#kill(process));
    if (way !== 'nothing') this.#io.count('zombieWithHeldPut');
    if (prng.chance(0.8)) this.#scheduler.after(prng.int(300, 5 * sessionTimeoutMs), release);
  }

  /** Faults end: whoever stands still goes on, whoever died comes back. */
  #heal(): void {
    this.#healed = true;
    this.#scheduler.note(() => '-- all faults end');
    this.#io.options.rates = {};
    this.#parts.metastoreAway = false;
    this.#parts.troubleRate = 0;
    for (const { process, member } of this.#workers) {
      process.resume();
      member?.starvedUntil.clear();
      if (member !== undefined) member.troubleRate = 0;
    }
    if (this.#kafka.current === null) this.#kafka.create(1, 0, this.#scheduler.nowMs);
    this.#kafka.endTransactions(this.#prng, this.#scheduler.nowMs);
    if (this.#living().length === 0) this.#start();
  }

  #allLanded(): boolean {
    const { current } = this.#kafka;
    if (current === null) return false;
    return current.logs.every((log, partition) => log.overrun || this.#laws.reachesEnd(current, partition));
  }
}

function drawSettings(prng: Prng, calm: boolean): Phase1Settings {
  if (calm)
    return {
      sealBytes: 1e6,
      sealIntervalMs: 600,
      sessionTimeoutMs: 3_000,
      stallTimeoutMs: 20_000,
      budgetBytes: 1e6,
      startFrom: 'earliest',
    };
  return {
    sealBytes: prng.pick([200, 1_000, 1e6]),
    sealIntervalMs: prng.int(100, 2_000),
    sessionTimeoutMs: prng.pick([1_000, 3_000, 6_000]),
    stallTimeoutMs: prng.pick([6_000, 20_000]),
    budgetBytes: prng.pick([2_000, 1e6]),
    startFrom: prng.chance(0.85) ? 'earliest' : 'latest',
  };
}

/** Each seed has some kinds of request faults, at a strength of its own. */
function drawRates(prng: Prng): FaultRates {
  const strength = prng.pick([0, 0.01, 0.03, 0.1]);
  const rate = (share: number) => (prng.chance(0.6) ? strength * share * prng.next() : 0);
  return {
    error: rate(1),
    lost: rate(1),
    answerLost: rate(1.5),
    doubled: rate(1),
    held: rate(5),
    delayed: rate(3),
    crashBefore: rate(0.2),
    crashAfter: rate(0.3),
  };
}

function drawTroubles(prng: Prng): Record<Trouble, number> {
  const rare: Partial<Record<Trouble, number>> = { overrun: 0.1, recreate: 0.5, outage: 0.3 };
  return Object.fromEntries(troubles.map((trouble) => [trouble, prng.chance(0.5 * (rare[trouble] ?? 1)) ? 1 : 0])) as Record<
    Trouble,
    number
  >;
}
