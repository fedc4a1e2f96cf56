// Import this before an SDK: @clerk/backend keeps the `fetch` that it finds when it is loaded.
import { record, recording } from './traffic.mjs';

if (recording) {
  const plainFetch = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const response = await plainFetch(input, init);
    const request = input instanceof Request ? input : undefined;
    const url = request?.url ?? String(input);
    const face = faceOf(new URL(url).pathname);
    if (face) {
      const body = await response.clone().text();
      record({
        face,
        method: init?.method ?? request?.method ?? 'GET',
        url,
        status: response.status,
        contentType: response.headers.get('content-type'),
        body,
        source: process.env.INSULA_SOURCE ?? 'backend-sdk',
      });
    }
    return response;
  };
}

function faceOf(pathname) {
  if (pathname.startsWith('/api/v1/platform/')) return undefined;
  if (pathname.startsWith('/api/v1/')) return 'backend';
  if (/^\/t\/[^/]+\/(v1|\.well-known)\//.test(pathname)) return 'frontend';
  return undefined;
}
