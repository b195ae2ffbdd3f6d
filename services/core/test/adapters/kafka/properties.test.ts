import { describe, expect, test } from 'vitest';
import { memberProperties, parseKafkaProperties, promisedProperties } from '../../../src/adapters/kafka/properties.ts';
import { metadataSecurity } from '../../../src/adapters/kafka/security.ts';

const parse = (text: string) => parseKafkaProperties(text, '/etc/kafka.properties');

describe('KAFKA_PROPERTIES', () => {
  test('is a librdkafka properties file', () => {
    expect(parse('# comment\n\nsecurity.protocol = SASL_SSL\r\nsasl.password=a=b # c\n')).toEqual({
      'security.protocol': 'SASL_SSL',
      'sasl.password': 'a=b # c',
    });
  });

  test.each([
    'enable.auto.commit=true',
    'auto.offset.reset=earliest',
    'isolation.level=read_uncommitted',
    'check.crcs=false',
    'enable.auto.offset.store=true',
    'allow.auto.create.topics=true',
    'enable.partition.eof=false',
    'partition.assignment.strategy=range',
    'group.protocol=consumer',
    'group.id=x',
    'bootstrap.servers=x:1',
    'session.timeout.ms=1',
    'group.instance.id=x',
    'plugin.library.paths=x',
  ])('refuses %s by name', (line) => {
    expect(() => parse(line)).toThrow(
      expect.objectContaining({
        kind: 'invalid',
        code: 'bad_kafka_properties',
        message: expect.stringContaining(line.split('=')[0] ?? ''),
      }),
    );
  });

  test('names every problem at once; repeating what we set anyway is fine', () => {
    expect(() => parse('nonsense\ncheck.crcs=false')).toThrow(/line 1 .*check\.crcs/s);
    expect(parse('enable.auto.commit=false\nisolation.level=read_committed')).toEqual({});
  });
});

describe('a member of a group', () => {
  test('has a session and the cooperative assignor under the classic protocol; heart-beats may be set', () => {
    expect(memberProperties('classic', 6_000, {})).toEqual({
      'group.protocol': 'classic',
      'partition.assignment.strategy': 'cooperative-sticky',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '1000',
    });
    expect(memberProperties('classic', 6_000, { 'heartbeat.interval.ms': '500' })).toMatchObject({ 'heartbeat.interval.ms': '500' });
  });

  test('under group.protocol=consumer leaves sessions and the assignment to the brokers: the client refuses settings for them', () => {
    const all = Object.keys({ ...promisedProperties(), ...memberProperties('consumer', 6_000, {}) });
    expect(all).toContain('group.protocol');
    for (const name of ['session.timeout.ms', 'heartbeat.interval.ms', 'partition.assignment.strategy']) expect(all).not.toContain(name);
  });
});

describe('security of the metadata client', () => {
  test('follows TLS and SASL settings', () => {
    const read = (path: string) => `contents of ${path}`;
    expect(metadataSecurity({}, read)).toEqual({ options: {} });
    expect(
      metadataSecurity(
        {
          'security.protocol': 'sasl_ssl',
          'sasl.mechanisms': 'SCRAM-SHA-512',
          'sasl.username': 'u',
          'sasl.password': 'p',
          'ssl.ca.location': '/ca.pem',
          'enable.ssl.certificate.verification': 'false',
        },
        read,
      ),
    ).toEqual({
      options: {
        tls: { ca: 'contents of /ca.pem', rejectUnauthorized: false },
        tlsServerName: true,
        sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' },
      },
    });
  });

  test.each([
    [{ 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'GSSAPI' }, 'sasl.mechanism=GSSAPI'],
    [{ 'security.protocol': 'sasl_ssl', 'sasl.mechanism': 'OAUTHBEARER' }, 'sasl.mechanism=OAUTHBEARER'],
    [{ 'security.protocol': 'ssl', 'ssl.engine.location': '/engine.so' }, 'ssl.engine.location'],
  ])('says which setting it cannot follow', (properties, unsupported) => {
    expect(metadataSecurity(properties)).toEqual({ unsupported });
  });

  test('a certificate that cannot be read is named', () => {
    expect(() => metadataSecurity({ 'security.protocol': 'ssl', 'ssl.ca.location': '/nowhere/ca.pem' })).toThrow(/\/nowhere\/ca\.pem/);
  });
});
