import { hostname, userInfo } from 'node:os';

/** Who decides, for the audit: the user of this machine. */
export function decider(): string {
  let user = 'unknown';
  try {
    user = userInfo().username;
  } catch {
    // a user id without a name, as in containers
  }
  return `${user}@${hostname()}`.slice(0, 200);
}
