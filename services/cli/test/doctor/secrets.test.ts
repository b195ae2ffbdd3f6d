import { describe, expect, it } from 'vitest';
import { scrub, secretsOf, shownProperties, shownSettings } from '../../src/doctor/secrets.ts';

const env = {
  DATABASE_URL: 'postgres://millrace:canary%2Fdb@db:5432/millrace',
  AWS_SECRET_ACCESS_KEY: 'canary-aws',
  AWS_SESSION_TOKEN: 'canary-session',
  AWS_ACCESS_KEY_ID: 'AKIACANARY0000000000',
  AWS_REGION: 'eu-central-1',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=canary-otel',
  HTTPS_PROXY: 'http://proxy:canary-proxy@proxy:3128',
  MY_TOKEN: 'canary-mine',
  MILLRACE_RAW_URL: 's3://lake/raw',
  HOME: '/home/somebody',
};
const properties = {
  'sasl.username': 'millrace',
  'sasl.password': 'canary-sasl',
  'ssl.key.password': 'canary-key',
  'ssl.key.location': '/etc/key.pem',
};

describe('secrets', () => {
  it('are found in variables, properties and URLs, and taken out of any text in any form', () => {
    const secrets = secretsOf(env, properties);
    const text = [...Object.values(env), ...Object.values(properties), 'canary/db', JSON.stringify({ a: env.DATABASE_URL })].join('\n');
    const clean = scrub(text, secrets);
    expect(clean.replaceAll('authorization=canary-otel', '')).not.toMatch(/canary/i);
    expect(clean).toContain('/etc/key.pem');
    expect(clean).toContain('eu-central-1');
  });

  it('that repeat a name, or are a few letters, do not hide ordinary words', () => {
    const secrets = secretsOf({
      DATABASE_URL: 'postgres://millrace:millrace@db/millrace',
      AWS_ACCESS_KEY_ID: 'millrace',
      MY_PASSWORD: 'abc',
    });
    expect(scrub('group millrace-landing, abc', secrets)).toBe('group millrace-landing, abc');
  });

  it('are masked by name in what a bundle shows, and others’ variables are not shown at all', () => {
    expect(shownSettings(env)).toEqual({
      AWS_ACCESS_KEY_ID: '(hidden)',
      AWS_REGION: 'eu-central-1',
      AWS_SECRET_ACCESS_KEY: '(hidden)',
      AWS_SESSION_TOKEN: '(hidden)',
      DATABASE_URL: '(hidden)',
      MILLRACE_RAW_URL: 's3://lake/raw',
      OTEL_EXPORTER_OTLP_HEADERS: '(hidden)',
    });
    expect(shownProperties(properties)).toMatchObject({
      'sasl.password': '(hidden)',
      'ssl.key.password': '(hidden)',
      'ssl.key.location': '/etc/key.pem',
    });
  });
});
