import type { KafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import type { Environment } from '../output/cli.ts';

/** What stands in the place of a secret. */
const mask = '(hidden)';
/** Shorter values are no secrets worth the name, and hiding them everywhere would hide ordinary words. An access key's id is half a name. */
const secretCharsMin = 5;
const keyIdCharsMin = 16;
const keyIdName = /access_?key_?id|username/i;
/** Names of variables and properties that hold secrets. */
const secretName = /secret|passw|token|credential|private|access_?key|api_?key|sasl\.(username|oauth|jaas)|\.key\.|\.pem$/i;
/** Names of files and choices that look like it and are none. */
const noSecret = /(location|_file|_path|token_endpoint\.url|type|format)$/i;

/**
 * Every secret the environment holds, also the parts of URLs, longest first. Pure.
 * Values are told apart by the names of their variables, of ours by the settings' own mark, and by user and password of any URL.
 */
export function secretsOf(env: Environment, properties: KafkaProperties = {}): string[] {
  const found = new Set<string>();
  const add = (text: string | undefined) => {
    if (text !== undefined && text.length >= secretCharsMin) found.add(text);
  };
  for (const [name, value] of [...Object.entries(env), ...Object.entries(properties)]) {
    if (value === undefined) continue;
    const shape = settingShapes[name as keyof typeof settingShapes];
    const isSecret = shape?.meta()?.secret === true || (shape === undefined && secretName.test(name) && !noSecret.test(name));
    if (isSecret && (!keyIdName.test(name) || value.length >= keyIdCharsMin)) add(value);
    for (const part of userInfoOf(value)) add(part);
  }
  return [...found].sort((a, b) => b.length - a.length);
}

/** Password of a URL, as written and decoded. Also of one that cannot be parsed, by what stands before its last `@`. One that repeats the user name hides nothing. */
function userInfoOf(value: string): string[] {
  const inUrl = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)@/i.exec(value)?.[1];
  if (inUrl === undefined || !inUrl.includes(':')) return [];
  const user = inUrl.slice(0, inUrl.indexOf(':'));
  const password = inUrl.slice(inUrl.indexOf(':') + 1);
  return password === user ? [inUrl] : [inUrl, password, decoded(password)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The text without any of the secrets, in whatever form JSON or a URL gives them. Pure. */
export function scrub(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets)
    for (const form of new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]))
      clean = clean.replaceAll(form, mask);
  return clean;
}

/** Settings as a bundle may show them: ours and the AWS SDK's that are no secrets; of others not even the names. Pure. */
export function shownSettings(env: Environment): Record<string, string> {
  const shown = Object.entries(env).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    const shape = settingShapes[name as keyof typeof settingShapes];
    if (shape !== undefined) return [[name, shape.meta()?.secret === true ? mask : value]];
    if (!/^(AWS_|MILLRACE_|OTEL_|UV_THREADPOOL_SIZE$|NODE_OPTIONS$|MALLOC_ARENA_MAX$|TZ$|PORT$|LOG_LEVEL$)/.test(name)) return [];
    return [[name, (secretName.test(name) && !noSecret.test(name)) || /headers/i.test(name) ? mask : value]];
  });
  return Object.fromEntries(shown.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A properties file as a bundle may show it. Pure. */
export function shownProperties(properties: KafkaProperties): Record<string, string> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [name, secretName.test(name) && !noSecret.test(name) ? mask : value]),
  );
}
