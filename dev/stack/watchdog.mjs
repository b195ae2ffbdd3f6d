/**
 * Ends what a process started when that process is gone, however it went. Standard input is a pipe from that process
 * with one JSON line a part, `{"watch":"pid@start","signal":"SIGTERM"}` or `{"forget":"pid@start"}`; when the pipe
 * closes, every part still watched gets its signal, and SIGKILL if it does not follow.
 */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, isAlive, pidOf } from '../setup/process-id.mjs';

const GRACE_MAX_MS = 8_000;
const LOOK_INTERVAL_MS = 100;

const watched = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { watch, forget, signal } = JSON.parse(line);
  if (watch) watched.set(watch, signal);
  if (forget) watched.delete(forget);
}

const alive = () => [...watched.keys()].filter((name) => isAlive(name));
for (const name of alive()) {
  send(name, watched.get(name));
  send(name, 'SIGCONT', descendants(pidOf(name)));
}
for (const until = Date.now() + GRACE_MAX_MS; alive().length > 0 && Date.now() < until; ) await sleep(LOOK_INTERVAL_MS);
for (const name of alive()) send(name, 'SIGKILL', descendants(pidOf(name)));

function send(name, signal, children = []) {
  for (const pid of [pidOf(name), ...children]) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended by itself in this very moment.
    }
  }
}
