import type { KafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import type { Environment } from '../output/cli.ts';
import { doctorChecks } from './checks.ts';
import { createContext } from './context.ts';
import type { CheckResult } from './finding.ts';
import { type Machine, thisMachine } from './probe/machine.ts';
import { runChecks } from './run-checks.ts';
import { scrub, secretsOf } from './secrets.ts';
import type { Role } from './settings.ts';

/** What is to be examined. @property machine what the process knows of where it runs; a test gives another */
export type Examination = { roles?: readonly Role[]; topics?: readonly string[]; machine?: Machine };

/**
 * Looks at everything an environment names, side by side, and ends within the longest limit of a check. No secret of the environment is in what it says.
 * Changes nothing but what probes write and remove. Never rejects for what it finds.
 * @returns also the properties of the Kafka client, whose secrets a bundle must not hold either
 */
export async function examine(
  env: Environment,
  { roles = [], topics = [], machine = thisMachine() }: Examination = {},
): Promise<{ results: CheckResult[]; properties: KafkaProperties }> {
  const context = createContext(env, { roles, topics, machine });
  const secrets = secretsOf(env, context.properties);
  const results = await runChecks(doctorChecks(context));
  const clean = results.map(({ name, seconds, findings }) => ({
    name,
    seconds,
    findings: findings.map(({ level, says, fix }) => ({
      level,
      says: scrub(says, secrets),
      ...(fix === undefined ? {} : { fix: scrub(fix, secrets) }),
    })),
  }));
  return { results: clean, properties: context.properties };
}
