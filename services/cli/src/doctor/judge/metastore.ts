import { type Finding, failure, ok, warning } from '../finding.ts';
import { nextStep } from '../next-step.ts';

/** What the metastore answered. `problems`: lines of `/readyz?verbose` that are not met; `service` and `version` null when it does not tell. */
export type MetastoreFacts =
  | { status: 'up'; url: string; ready: boolean; problems: readonly string[]; service: string | null; version: string | null }
  | { status: 'down'; url: string; words: string };

/** @param ours version of this command. Pure. */
export function judgeMetastore(facts: MetastoreFacts, ours: string): Finding[] {
  const { url } = facts;
  if (facts.status === 'down')
    return [
      failure(
        `${url} does not answer (${facts.words}): decisions and new datasets wait; workers go on with their last good configuration`,
        'start the metastore, or correct MILLRACE_METASTORE_URL',
      ),
    ];
  if (facts.service !== null && facts.service !== 'metastore')
    return [
      failure(
        `${url} is ${facts.service}, not the metastore`,
        'correct MILLRACE_METASTORE_URL: the API of the metastore has port 8080 by default',
      ),
    ];
  const findings: Finding[] = [];
  if (facts.service === null)
    findings.push(
      warning(
        `${url} does not say at /version that it is the metastore`,
        'see that MILLRACE_METASTORE_URL leads to it: another service may answer there',
      ),
    );
  if (!facts.ready)
    findings.push(
      failure(
        `${url} is not ready: ${facts.problems.join('; ') || 'no cause told'}`,
        'mend what it names (see "database"); it then comes back by itself',
      ),
    );
  if (facts.version !== null && facts.version !== ours)
    findings.push(
      warning(
        `${url} is version ${facts.version}, this command ${ours}`,
        'run one version of all services: restart those that were left behind',
      ),
    );
  if (findings.length === 0) findings.push(ok(`${url} is ready${facts.version === null ? '' : `, version ${facts.version}`}`));
  return findings;
}

/** A dataset as far as it needs somebody. `landingSilentSince`: since then no phase-1 worker reported on it; null when one does. */
export type DatasetFacts = {
  name: string;
  state: string;
  reason: string | null;
  nextAction: string | null;
  landingSilentSince: string | null;
};

/** A line for each dataset that does not simply run, one for all the others. Pure. */
export function judgeDatasets(datasets: readonly DatasetFacts[]): Finding[] {
  if (datasets.length === 0) return [ok('none yet; POST /v1/datasets makes one')];
  const judged = datasets.map((dataset) => judgeDataset(dataset));
  const well = judged.filter((findings) => findings.length === 0).length;
  return [...(well === 0 ? [] : [ok(`${well} of ${datasets.length} run and need nobody`)]), ...judged.flat()];
}

function judgeDataset({ name, state, reason, nextAction, landingSilentSince }: DatasetFacts): Finding[] {
  const says = `${name} is ${state}${reason === null ? '' : `: ${reason}`}`;
  const read = `millrace datasets status ${name}`;
  const step = nextAction === null ? null : nextStep(nextAction);
  if (state === 'RUNNING' && reason !== null && /no phase-[12] worker has reported/.test(reason))
    return [failure(says, 'start that worker, or read its log: it does not report')];
  const findings: Finding[] = [];
  if (state === 'BLOCKED' || state === 'FAILED')
    findings.push(failure(says, step ?? `mend the cause; it is tried again by itself (${read})`));
  if (state === 'WAITING_FOR_TOPIC') findings.push(warning(says, step ?? `create its topic, or start a phase-1 worker (${read})`));
  if (state === 'PAUSED') findings.push(warning(says, step ?? `millrace datasets resume ${name} to go on`));
  if (landingSilentSince !== null)
    findings.push(
      warning(
        `no phase-1 worker has reported on ${name} since ${landingSilentSince}: what waits in Kafka is not known`,
        'start phase 1, or read the log of its workers',
      ),
    );
  return findings;
}
