import { createHash, createHmac } from 'node:crypto';
import { Agent, request } from 'node:http';

const host = () => new URL(process.env.AWS_ENDPOINT_URL_S3 ?? '');
const region = 'us-east-1';
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const hash = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/**
 * One signed request to the S3 server of the environment, with nothing between: a tenth of what a full client costs.
 * @param path `/bucket/key`, of characters that need no escape
 */
export function bareS3(
  method: 'GET' | 'PUT',
  path: string,
  body: Uint8Array = new Uint8Array(0),
): Promise<{ status: number; body: Buffer }> {
  const at = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = at.slice(0, 8);
  const signed: Record<string, string> = {
    host: host().host,
    ...(method === 'PUT' ? { 'if-none-match': '*' } : {}),
    'x-amz-content-sha256': hash(body),
    'x-amz-date': at,
  };
  const names = Object.keys(signed).join(';');
  const lines = Object.entries(signed).map(([name, value]) => `${name}:${value}\n`);
  const canonical = [method, path, '', lines.join(''), names, signed['x-amz-content-sha256']].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const key = ['s3', 'aws4_request'].reduce(hmac, hmac(hmac(`AWS4${process.env.AWS_SECRET_ACCESS_KEY}`, day), region));
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${at}\n${scope}\n${hash(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${process.env.AWS_ACCESS_KEY_ID}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const { hostname, port } = host();
  return new Promise((resolve, reject) => {
    const headers = { ...signed, authorization, 'content-length': body.length };
    const sent = request({ hostname, port, method, path, agent, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
