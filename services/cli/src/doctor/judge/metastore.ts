import { type Finding, failure, ok, warning } from '../finding.ts';

/** What the metastore answered. `problems`: lines of `/readyz?verbose` that are not met; `version` null when it does not tell. */
export type MetastoreFacts =
  | { status: 'up'; url: string; ready: boolean; problems: readonly string[]; version: string | null }
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
  const findings: Finding[] = [];
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

/** A dataset as far as it needs somebody. */
export type DatasetFacts = { name: string; state: string; reason: string | null; nextAction: string | null };

/** One line for each dataset that does not simply run, one for all the others. Pure. */
export function judgeDatasets(datasets: readonly DatasetFacts[]): Finding[] {
  const findings = datasets.flatMap((dataset) => judgeDataset(dataset));
  const well = datasets.length - findings.length;
  if (datasets.length === 0) return [ok('none yet; POST /v1/datasets makes one')];
  return well === 0 ? findings : [ok(`${well} of ${datasets.length} run and need nobody`), ...findings];
}

function judgeDataset({ name, state, reason, nextAction }: DatasetFacts): Finding[] {
  const says = `${name} is ${state}${reason === null ? '' : `: ${reason}`}`;
  const read = `millrace datasets status ${name}`;
  if (state === 'BLOCKED' || state === 'FAILED')
    return [failure(says, nextAction ?? `mend the cause; it is tried again by itself (${read})`)];
  if (state === 'WAITING_FOR_TOPIC') return [warning(says, nextAction ?? `create its topic, or start a phase-1 worker (${read})`)];
  if (state === 'RUNNING' && reason !== null && /no phase-[12] worker has reported/.test(reason))
    return [failure(says, 'start that worker, or read its log: it does not report')];
  return [];
}
