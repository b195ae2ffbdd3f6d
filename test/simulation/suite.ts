import { afterAll, expect, test } from 'vitest';
import { emptyTally, runEnumerated, runSeed } from './engine/runner.ts';
import type { World } from './engine/world.ts';
import { keptSeeds } from './kept-seeds.ts';

/** Seeds that every `npm test` runs of each world. `npm run simulate` runs more. */
export const seedsInTest = 2_500;
/** Seeds of one test, so that a report shows how far it came. */
const seedsPerTest = 500;

export type Enumerated = { seed: number; pointsMin: number };

/**
 * The tests of a world: kept seeds, every fault at every I/O point of calm runs, thousands of seeds.
 * @param enumerated seeds of calm runs, with the points each has at least: fewer means that the base run does not do its work any more
 * @param faultsMin kinds of fault that all seeds together must have met so often, and records that must have been compared
 */
export function simulationSuite(
  world: World,
  enumerated: readonly Enumerated[],
  least: { compared: number; kinds: number; faults: number },
): void {
  const tally = emptyTally();
  afterAll(() => {
    const faults = [...tally.faults].map(([kind, count]) => `${kind} ${count}`).join(', ');
    process.stdout.write(`simulation of ${world.name}: ${tally.runs} runs, ${tally.compared} records compared, faults: ${faults}\n`);
  });

  for (const { seed, options, story } of keptSeeds.filter((kept) => kept.world === world.name))
    test(`seed ${seed}: ${story}`, async () => void (await runSeed(world, seed, tally, options)));

  for (const { seed, pointsMin } of enumerated)
    test(`crash before and after, error, error after it was applied, and delay at every I/O point of the calm run ${seed}`, async () => {
      const { points } = await runEnumerated(world, seed, tally);
      expect(points).toBeGreaterThanOrEqual(pointsMin);
    });

  for (let first = 1; first <= seedsInTest; first += seedsPerTest)
    test(`seeds ${first} to ${first + seedsPerTest - 1}`, async () => {
      for (let seed = first; seed < first + seedsPerTest; seed++) await runSeed(world, seed, tally);
    });

  test('the same seed is the same run', async () => {
    for (const seed of [1, 2, 3]) expect((await world.run(seed)).digest).toBe((await world.run(seed)).digest);
  });

  test('enough was done to it', () => {
    expect(tally.compared).toBeGreaterThanOrEqual(least.compared);
    expect(tally.faults.size).toBeGreaterThanOrEqual(least.kinds);
    expect([...tally.faults.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(least.faults);
  });
}
