import { defineConfig } from 'vitest/config';

/** Real parts on a busy machine with two cores: a Kafka start alone takes up to 10 s there. */
const PARTS_TIMEOUT_MS = 120_000;
const ENGINES_TIMEOUT_MS = 300_000;
const CRASH_TIMEOUT_MS = 1_800_000;
const SIMULATION_TIMEOUT_MS = 300_000;
/** Test files on real parts that run at a time: they mostly wait, and each has topics, buckets and databases of its own. */
const SIDE_BY_SIDE = 3;

/** Groups run in this order, one after the other; the projects of a group side by side. What is quick and pure speaks first. Place 0 would mean no order. */
const GROUPS = {
  unit: 1,
  simulation: 2,
  integration: 3,
  interop: 4,
  crash: 4,
  chaos: 4,
  scale: 4,
  spark: 5,
  alerts: 6,
  deploy: 6,
  docs: 6,
} as const;

const project = (name: keyof typeof GROUPS, include: string[], timeoutMs: number, more: object = {}) => ({
  test: {
    name,
    include,
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    pool: 'forks' as const,
    sequence: { groupOrder: GROUPS[name] },
    ...more,
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', ['services/*/test/**/*.test.ts', 'dev/*/test/**/*.test.ts'], 20_000, { maxWorkers: '100%' }),
      project('simulation', ['test/simulation/**/*.test.ts', 'test/planted/**/*.test.ts'], SIMULATION_TIMEOUT_MS, { maxWorkers: '100%' }),
      project(
        'integration',
        [
          ...['test/integration/**/*.test.ts', 'test/faults/**/*.test.ts', 'test/regressions/**/*.test.ts', 'test/operate/**/*.test.ts'],
          ...['test/alerts/*.test.ts', 'test/deploy/*.test.ts', 'test/docs/*.test.ts'],
        ],
        PARTS_TIMEOUT_MS,
        { maxWorkers: SIDE_BY_SIDE },
      ),
      project('interop', ['test/interop/**/*.test.ts'], ENGINES_TIMEOUT_MS, {
        maxWorkers: SIDE_BY_SIDE,
        exclude: ['test/interop/spark*/**', 'test/interop/spark*'],
      }),
      project('crash', ['test/crash/**/*.test.ts'], CRASH_TIMEOUT_MS, { maxWorkers: SIDE_BY_SIDE }),
      project('chaos', ['test/chaos/**/*.test.ts'], CRASH_TIMEOUT_MS, { maxWorkers: SIDE_BY_SIDE }),
      project('scale', ['test/scale/**/*.test.ts'], CRASH_TIMEOUT_MS, { maxWorkers: SIDE_BY_SIDE }),
      // the long forms; their short ones are in `integration`
      project('alerts', ['test/alerts/full/**/*.test.ts'], CRASH_TIMEOUT_MS, { maxWorkers: SIDE_BY_SIDE }),
      project('deploy', ['test/deploy/full/**/*.test.ts'], CRASH_TIMEOUT_MS, { maxWorkers: SIDE_BY_SIDE }),
      project('docs', ['test/docs/full/**/*.test.ts'], CRASH_TIMEOUT_MS, { maxWorkers: SIDE_BY_SIDE }),
      project('spark', ['test/interop/spark*/**/*.test.ts', 'test/interop/spark*.test.ts'], CRASH_TIMEOUT_MS, { fileParallelism: false }),
    ],
  },
});
