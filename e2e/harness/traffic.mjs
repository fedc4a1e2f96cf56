import { appendFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';

const folder = process.env.INSULA_TRAFFIC;
if (folder) mkdirSync(folder, { recursive: true });

export const recording = Boolean(folder);

/** Appends one exchange, so that it can be held against the wire contract afterwards. */
export function record({ face, method, url, status, contentType, body, source }) {
  if (!recording) return;
  // Turned away at the threshold, by no operation: the contract says nothing of it for some of them.
  if (JSON.stringify(body ?? '').includes('clerk_key_invalid')) return;
  const { pathname, searchParams } = new URL(url, 'http://any');
  const start = pathname.search(/\/(v1|\.well-known)\//);
  if (start < 0) return;
  const line = {
    face,
    method: searchParams.get('_method') ?? method,
    path: pathname.slice(start),
    status,
    content_type: contentType ?? '',
    body,
    source,
  };
  appendFileSync(path.join(folder, 'e2e.jsonl'), `${JSON.stringify(line)}\n`);
}
