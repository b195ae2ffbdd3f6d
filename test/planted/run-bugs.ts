import type { Bug } from './bug.ts';

const properties = 'services/core/src/adapters/kafka/properties.ts';
const kafkaSource = 'services/phase1-dumper/src/kafka/kafka-source.ts';

const caughtBy = 'run';
const withinSeconds = 120;

/** Bugs that only real parts can show: what the Kafka client does with its settings, and what becomes of values. */
export const runBugs: readonly Bug[] = [
  {
    name: 'positions-from-auto-committed-group-offsets',
    story: 'The client commits by itself what it has handed out, and a new owner begins there instead of at the end of the chain.',
    patches: [
      {
        file: properties,
        find: "'enable.auto.commit': { value: 'false',",
        replace: "'auto.commit.interval.ms': { value: '100', because: 'planted' },\n  'enable.auto.commit': { value: 'true',",
      },
      { file: properties, find: "'enable.auto.offset.store': { value: 'false',", replace: "'enable.auto.offset.store': { value: 'true'," },
      {
        file: kafkaSource,
        find: 'incrementalAssign([{ topic, partition, offset: Number(offset),',
        replace: 'incrementalAssign([{ topic, partition, offset: offset === 0n ? 0 : -1000,',
      },
    ],
    caughtBy,
    withinSeconds,
  },
  {
    name: 'aborted-records-read',
    story: 'The client reads uncommitted records.',
    patches: [
      {
        file: properties,
        find: "'isolation.level': { value: 'read_committed',",
        replace: "'isolation.level': { value: 'read_uncommitted',",
      },
    ],
    caughtBy,
    withinSeconds,
  },
  {
    name: 'numbers-rounded',
    story: 'A 64-bit id goes through a JavaScript number.',
    patches: [
      {
        file: 'services/phase2-transformer/src/columns/append-code.ts',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the text of a template
        find: 'if(!Number.isSafeInteger(v)){${fail};}w=c.words;',
        replace: 'if(!Number.isInteger(v)){' + '$' + '{fail};}w=c.words;',
      },
    ],
    caughtBy,
    withinSeconds,
  },
  {
    name: 'first-duplicate-key-wins',
    story: 'Of two members of one name the first one is kept.',
    patches: [
      {
        file: 'services/phase2-transformer/src/decode/record-value.ts',
        find: "value = numbers === 'plain' ? (JSON.parse(text) as JsonValue) : parseExact(text, numbers === 'text');",
        replace: `const first = text.replace(/("(\\w+)":)([^,{}[\\]]+),"\\2":[^,{}[\\]]+/g, '$1$3');
    value = numbers === 'plain' ? (JSON.parse(first) as JsonValue) : parseExact(first, numbers === 'text');`,
      },
    ],
    caughtBy,
    withinSeconds,
  },
];
