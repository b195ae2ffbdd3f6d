import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { isKind, MillraceError } from '../../domain/errors.ts';
import { checkKey, compareKeys } from '../../domain/object-key.ts';
import type { ObjectInfo, ObjectStore, PutIfAbsentResult } from '../../ports/object-store.ts';
import { type DeadlineSignal, deadlineSignal } from '../../stores/deadline-signal.ts';
import { openS3Client, type S3Connection } from './s3-client.ts';
import { codeOf, s3Error, statusOf } from './s3-errors.ts';

/** Bodies above this go up in parts, several at once. */
const multipartBytesMin = 32 * 2 ** 20;
const partBytes = 16 * 2 ** 20;
const partsAtOnce = 4;
/** One request without an answer is given up after this, plus the time its bytes take at a slow megabyte a second. */
const requestMs = 15_000;
const bytesPerMs = 1_000;
/** Repeats of a request that may be repeated, and back-off between them. */
const retriesMax = 5;
const backoffMsMin = 50;
const backoffMsMax = 5_000;

type Call<T> = (client: S3Client, signal: AbortSignal, deadline: DeadlineSignal) => Promise<T>;

/**
 * The object store on S3 and servers that speak its dialect. One conditional put is one request; 409 (undecided) is repeated inside, 412 is `exists`.
 * Everything else is repeated within `retriesMax`. Keys lie below the prefix of the URL.
 * @see formats: object stores sections 3 to 7
 */
export class S3Store implements ObjectStore {
  readonly url: string;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #connection: S3Connection;
  #opened: Promise<{ client: S3Client; endpoint: string }> | undefined;

  /** @param prefix without slashes at its ends; may be empty */
  constructor(bucket: string, prefix: string, connection: S3Connection = {}) {
    if (prefix !== '') checkKey(prefix);
    this.url = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#connection = connection;
  }

  async putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutIfAbsentResult> {
    const command = {
      Bucket: this.#bucket,
      Key: this.#key(key),
      Body: body,
      IfNoneMatch: '*',
      ContentType: contentType(key),
    };
    const deadline = deadlineSignal(requestMs + body.length / bytesPerMs, signal);
    try {
      for (let backoffMs = backoffMsMin; ; backoffMs = Math.min(2 * backoffMs, backoffMsMax)) {
        try {
          await this.#once('cannot create', key, true, deadline, signal, (client, abortSignal) =>
            client.send(new PutObjectCommand(command), { abortSignal }),
          );
          return 'created';
        } catch (error) {
          const cause = error instanceof MillraceError ? error.cause : error;
          if (statusOf(cause) === 412) return 'exists';
          // 409: a delete or another put ran at the same time, the store has not decided: the same again
          if (statusOf(cause) !== 409 || deadline.signal.aborted) throw error;
          await new Promise((resolve) => setTimeout(resolve, backoffMs * (0.5 + Math.random() / 2)));
        }
      }
    } finally {
      deadline.release();
    }
  }

  async put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    const params = {
      Bucket: this.#bucket,
      Key: this.#key(key),
      Body: body,
      ContentType: contentType(key),
    };
    if (body.length <= multipartBytesMin) {
      await this.#repeated('cannot write', key, body.length, signal, (client, abortSignal) =>
        client.send(new PutObjectCommand(params), { abortSignal }),
      );
      return;
    }
    await this.#repeated('cannot write', key, body.length, signal, async (client, abortSignal) => {
      const upload = new Upload({
        client,
        params,
        partSize: partBytes,
        queueSize: partsAtOnce,
        leavePartsOnError: false,
      });
      const stop = () => void upload.abort();
      abortSignal.addEventListener('abort', stop, { once: true });
      try {
        await upload.done();
      } finally {
        abortSignal.removeEventListener('abort', stop);
      }
    });
  }

  async get(
    key: string,
    options: {
      range?: { start: number; end: number };
      signal?: AbortSignal;
    } = {},
  ): Promise<Uint8Array | undefined> {
    const { range, signal } = options;
    if (range !== undefined && range.end <= range.start) return (await this.head(key, signal)) && new Uint8Array(0); // HTTP has no empty range
    const command = {
      Bucket: this.#bucket,
      Key: this.#key(key),
      ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
    };
    return this.#repeated('cannot read', key, 0, signal, async (client, abortSignal, deadline) => {
      try {
        const answer = await client.send(new GetObjectCommand(command), { abortSignal });
        deadline.restart(requestMs + (answer.ContentLength ?? 0) / bytesPerMs);
        const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0);
        if (answer.ContentLength !== undefined && bytes.length !== answer.ContentLength)
          throw new MillraceError(
            'corrupt',
            'short_body',
            `${this.url} (${key}): ${bytes.length} bytes came instead of ${answer.ContentLength}`,
            { url: this.url, key },
          );
        return bytes;
      } catch (error) {
        if (isMissingKey(error)) return undefined;
        if (statusOf(error) === 416) return new Uint8Array(0); // begins at or beyond the end
        throw error;
      }
    });
  }

  async head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    const command = { Bucket: this.#bucket, Key: this.#key(key) };
    return this.#repeated('cannot read', key, 0, signal, async (client, abortSignal) => {
      try {
        const answer = await client.send(new HeadObjectCommand(command), {
          abortSignal,
        });
        return {
          key,
          bytes: answer.ContentLength ?? 0,
          lastModifiedMs: answer.LastModified?.getTime() ?? 0,
        };
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
      }
      // an answer to HEAD has no body: only GET says whether the key or the bucket is missing
      return headByGet(client, command, key, abortSignal);
    });
  }

  async list(prefix: string, options: { startAfter?: string; limit?: number; signal?: AbortSignal } = {}): Promise<ObjectInfo[]> {
    const limit = Math.min(options.limit ?? 1000, 1000);
    const found: ObjectInfo[] = [];
    let after = options.startAfter ?? '';
    // servers disagree about a start outside the prefix
    if (after !== '' && !after.startsWith(prefix)) {
      if (compareKeys(after, prefix) > 0) return [];
      after = '';
    }
    for (let more = true; more && found.length < limit; ) {
      const command = {
        Bucket: this.#bucket,
        Prefix: this.#prefix + prefix,
        MaxKeys: limit - found.length,
        ...(after === '' ? {} : { StartAfter: this.#prefix + after }),
      };
      const page = await this.#repeated('cannot list', prefix, 0, options.signal, (client, abortSignal) =>
        client.send(new ListObjectsV2Command(command), { abortSignal }),
      );
      more = page.IsTruncated === true && (page.Contents?.length ?? 0) > 0;
      for (const object of page.Contents ?? []) {
        const key = object.Key?.slice(this.#prefix.length) ?? '';
        if (compareKeys(key, after) <= 0 && key !== '')
          throw new MillraceError(
            'invalid',
            'list_unordered',
            `${this.url} lists keys in no order (an S3 directory bucket?); use a general purpose bucket`,
            { url: this.url, key, after },
          );
        after = key;
        if (key !== '' && !key.endsWith('/'))
          found.push({
            key,
            bytes: object.Size ?? 0,
            lastModifiedMs: object.LastModified?.getTime() ?? 0,
          }); // consoles leave folder marks
      }
    }
    return found;
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    const command = { Bucket: this.#bucket, Key: this.#key(key) };
    await this.#repeated('cannot delete', key, 0, signal, async (client, abortSignal) => {
      try {
        await client.send(new DeleteObjectCommand(command), { abortSignal });
      } catch (error) {
        if (!isMissingKey(error)) throw error;
      }
    });
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    (await opened)?.client.destroy();
  }

  #key(key: string): string {
    checkKey(key, Buffer.byteLength(this.#prefix));
    return this.#prefix + key;
  }

  /** Repeats what may be repeated, each request under a deadline of its own. */
  async #repeated<T>(doing: string, key: string, bodyBytes: number, signal: AbortSignal | undefined, call: Call<T>): Promise<T> {
    const policy = retry(
      handleWhen((error) => isKind(error, 'unavailable', 'corrupt') && signal?.aborted !== true),
      {
        maxAttempts: retriesMax,
        backoff: new ExponentialBackoff({
          initialDelay: backoffMsMin,
          maxDelay: backoffMsMax,
        }),
      },
    );
    return policy.execute(async () => {
      const deadline = deadlineSignal(requestMs + bodyBytes / bytesPerMs, signal);
      try {
        return await this.#once(doing, key, false, deadline, signal, call);
      } finally {
        deadline.release();
      }
    }, signal);
  }

  async #once<T>(
    doing: string,
    key: string,
    conditional: boolean,
    deadline: DeadlineSignal,
    signal: AbortSignal | undefined,
    call: Call<T>,
  ): Promise<T> {
    let endpoint = '';
    let sent = false;
    try {
      if (signal?.aborted) throw signal.reason;
      this.#opened ??= openS3Client(this.#connection);
      const opened = await this.#opened;
      endpoint = opened.endpoint;
      sent = true;
      return await call(opened.client, deadline.signal, deadline);
    } catch (error) {
      const stopped = signal?.aborted === true;
      const failed = s3Error(
        {
          doing,
          url: this.url,
          endpoint,
          key,
          conditional,
          timedOut: deadline.timedOut(),
          stopped,
        },
        error,
      );
      if (sent || !conditional) throw failed;
      throw new MillraceError(failed.kind, failed.code, failed.message, { ...failed.fields, outcome: 'not_applied' }, error);
    }
  }
}

async function headByGet(
  client: S3Client,
  command: { Bucket: string; Key: string },
  key: string,
  abortSignal: AbortSignal,
): Promise<ObjectInfo | undefined> {
  try {
    const answer = await client.send(new GetObjectCommand(command), { abortSignal });
    await answer.Body?.transformToByteArray();
    return { key, bytes: answer.ContentLength ?? 0, lastModifiedMs: answer.LastModified?.getTime() ?? 0 };
  } catch (error) {
    if (isMissingKey(error)) return undefined;
    throw error;
  }
}

/** Only the store's own word counts: a 404 can also be a missing bucket, an unknown access key, or a web server that is no store. */
function isMissingKey(error: unknown): boolean {
  return codeOf(error) === 'NoSuchKey';
}

function contentType(key: string): string {
  return key.endsWith('.json') ? 'application/json' : 'application/octet-stream';
}
