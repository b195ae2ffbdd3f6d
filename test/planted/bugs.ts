import type { Bug } from './bug.ts';
import { landingBugs } from './landing-bugs.ts';
import { runBugs } from './run-bugs.ts';
import { tableBugs } from './table-bugs.ts';

/** All planted bugs. Their names are unique. */
export const bugs: readonly Bug[] = [...landingBugs, ...tableBugs, ...runBugs];
