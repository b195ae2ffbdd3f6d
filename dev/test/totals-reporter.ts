import { writeFileSync } from 'node:fs';
import type { Reporter } from 'vitest/node';

export interface Totals {
  passed: number;
  /** Tests that failed, and files and errors outside any test. */
  failed: number;
  skipped: number;
}

/** Counts the tests of all projects into the file that MILLRACE_TEST_TOTALS names. */
export default class TotalsReporter implements Reporter {
  onTestRunEnd: NonNullable<Reporter['onTestRunEnd']> = (modules, unhandledErrors) => {
    const totals: Totals = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') totals.passed += 1;
        else if (state === 'failed') failedTests += 1;
        else totals.skipped += 1;
      }
      // A file that does not load, or whose hooks fail, has a state of its own.
      totals.failed += failedTests === 0 && module.state() === 'failed' ? 1 : failedTests;
    }
    const file = process.env.MILLRACE_TEST_TOTALS;
    if (file) writeFileSync(file, JSON.stringify(totals));
  };
}
