import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

/*
 * The yardstick of phase 2, run as a process of its own: a bare `JSON.parse` loop over the values of raw objects. Reading and decompressing are not counted.
 * Argument: the topic's folder in a raw zone of files. Prints one JSON line.
 */
const folder = process.argv[2] as string;
const member = Buffer.from('"value":');
let seconds = 0;
let cpuSeconds = 0;
let bytes = 0;
let fields = 0;
for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.jsonl.zst')) continue;
  const lines = zstdDecompressSync(readFileSync(join(folder, name)));
  const cpu = process.cpuUsage();
  const begun = performance.now();
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf(10, start);
    const from = lines.indexOf(member, start) + member.length;
    fields += Object.keys(JSON.parse(lines.toString('utf8', from, end - 1)) as object).length;
    bytes += end - 1 - from;
    start = end + 1;
  }
  seconds += (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  cpuSeconds += (user + system) / 1e6;
}
process.stdout.write(`${JSON.stringify({ seconds, cpuSeconds, bytes, fields })}\n`);
