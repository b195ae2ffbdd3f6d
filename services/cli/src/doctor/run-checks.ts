import { describeError } from '@millrace/core/domain/errors.ts';
import { type CheckResult, type Finding, failure, unknown } from './finding.ts';

/** One thing to look at. It reports what it sees as it sees it, so that a look that takes too long still tells what it had. */
export type Check = {
  name: string;
  /** it may take so long, ms; then it is given up */
  limitMs: number;
  /** what to do when it was given up */
  late: string;
  /** nothing depends on it: given up, it is only not looked at */
  optional?: boolean;
  run(report: (finding: Finding) => void, signal: AbortSignal): Promise<void>;
};

/**
 * Runs all checks side by side. Each ends within its own limit, whatever hangs, and none hides another.
 * @returns results in the order of the checks. Never rejects
 */
export function runChecks(checks: readonly Check[]): Promise<CheckResult[]> {
  return Promise.all(checks.map(runOne));
}

async function runOne({ name, limitMs, late, optional = false, run }: Check): Promise<CheckResult> {
  const startedAt = performance.now();
  const findings: Finding[] = [];
  const stop = new AbortController();
  let over = false;
  const report = (finding: Finding) => {
    if (!over) findings.push(finding);
  };
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      const words = `no answer within ${limitMs / 1000} s`;
      report(optional ? unknown(`${words}: ${late}`) : failure(words, late));
      resolve();
    }, limitMs);
  });
  const looked = Promise.resolve()
    .then(() => run(report, stop.signal))
    .catch((error: unknown) => report(failure(describeError(error), late)));
  await Promise.race([looked, tooLate]);
  over = true;
  clearTimeout(timer);
  stop.abort();
  return { name, seconds: Math.round(performance.now() - startedAt) / 1000, findings };
}
