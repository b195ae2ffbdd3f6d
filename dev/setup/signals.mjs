/**
 * Loaded before a script that {@link file://./relay.mjs} starts. Turns what comes over the relay's pipe into signal
 * events, and counts a signal that came both directly and over the pipe once. Direct signals are never merged with
 * each other: two of them are two requests.
 */
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';

const SAME_REQUEST_MS = 1000;
const SIGNALS = new Set(['SIGINT', 'SIGTERM', 'SIGHUP']);

const fd = Number(process.env.MILLRACE_RELAY_FD);
if (isMainThread && fd > 2) {
  delete process.env.MILLRACE_RELAY_FD;
  listen(fd);
}

function listen(fd) {
  const directAt = new Map();
  const relayedAt = new Map();
  const recent = (times, signal) => performance.now() - (times.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_REQUEST_MS;

  // Watching instead of listening: a listener of ours would switch off a signal's default of ending the process.
  const emit = process.emit;
  process.emit = function (name, ...args) {
    if (!SIGNALS.has(name)) return emit.call(this, name, ...args);
    if (recent(relayedAt, name)) {
      relayedAt.delete(name);
      return true;
    }
    directAt.set(name, performance.now());
    return emit.call(this, name, ...args);
  };

  const relayed = (signal) => {
    if (recent(directAt, signal)) return;
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    relayedAt.set(signal, performance.now());
    emit.call(process, signal, signal, constants.signals[signal]);
  };

  const pipe = new Socket({ fd, readable: true, writable: false });
  pipe.unref();
  pipe.setEncoding('latin1');
  pipe.on('data', (text) => {
    for (const line of text.split('\n')) if (SIGNALS.has(line)) relayed(line);
  });
  pipe.on('end', () => relayed('SIGTERM'));
  pipe.on('error', () => relayed('SIGTERM'));
}
