import { createReadStream, existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';

import { record } from './traffic.mjs';

const PROXY_PATH = '/__clerk';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Serves a folder as an application of its own origin, with the frontend API of an instance behind `/__clerk`.
 * `proxied: false` makes the pages talk to the server directly, across origins. `plain: true` makes the proxy an
 * ordinary one, which hands requests on and shows no key.
 * In place of one instance there can be several, by the path below which each one's application and proxy are.
 */
export async function serveApp(folder, instances, { source, proxied = true, plain = false } = {}) {
  const preflights = [];
  const mounts = instances.publishableKey ? { '': instances } : instances;
  const server = http.createServer((request, response) => {
    if (request.method === 'OPTIONS') preflights.push(request.url);
    const { pathname } = new URL(request.url, 'http://any');
    const below = path => pathname === path || pathname.startsWith(`${path}/`);
    const base = Object.keys(mounts).find(below) ?? Object.keys(mounts)[0];
    const [instance, proxyPath] = [mounts[base], `${base}${PROXY_PATH}`];
    if (proxied && below(proxyPath)) {
      forward(request, response, { instance, origin: app.origin, proxyPath, source, plain });
    } else {
      serveFile(folder, pathname, response, {
        __PUBLISHABLE_KEY__: instance.publishableKey,
        __PROXY_URL__: proxied ? proxyPath : instance.frontendUrl,
        __BASE__: base,
      }).catch(error => response.writeHead(500).end(String(error)));
    }
  });
  const app = {
    preflights,
    async stop() {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
  app.origin = `http://localhost:${server.address().port}`;
  return app;
}

async function serveFile(folder, pathname, response, placeholders) {
  if (pathname === '/favicon.ico') return response.writeHead(204).end();
  const file = path.join(folder, path.normalize(pathname));
  if (file !== folder && existsSync(file) && statSync(file).isFile() && !file.endsWith('.html')) {
    response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' });
    return createReadStream(file).pipe(response);
  }
  // Every other address is the application's own business.
  let page = await readFile(path.join(folder, 'index.html'), 'utf8');
  for (const [placeholder, value] of Object.entries(placeholders)) page = page.replaceAll(placeholder, value);
  response.writeHead(200, { 'content-type': TYPES['.html'], 'cache-control': 'no-store' }).end(page);
}

function forward(request, response, { instance, origin, proxyPath, source, plain }) {
  const target = new URL(instance.frontendUrl);
  const proxyUrl = `${origin}${proxyPath}`;
  const rest = request.url.slice(proxyPath.length);
  const headers = {
    ...endToEnd(request.headers),
    host: target.host,
    'accept-encoding': 'identity',
    ...(plain ? {} : { 'clerk-proxy-url': proxyUrl, 'clerk-secret-key': instance.secretKey }),
    'x-forwarded-host': new URL(origin).host,
    'x-forwarded-proto': 'http',
    'x-forwarded-for': request.socket.remoteAddress,
  };
  const upstream = http.request(
    { host: target.hostname, port: target.port, method: request.method, path: `${target.pathname}${rest}`, headers },
    answer => {
      const answerHeaders = endToEnd(answer.headers);
      if (answerHeaders.location) answerHeaders.location = throughProxy(answerHeaders.location, target, proxyUrl);
      response.writeHead(answer.statusCode, answerHeaders);
      const chunks = [];
      answer.on('data', chunk => chunks.push(chunk));
      answer.on('end', () => {
        record({
          face: 'frontend',
          method: request.method,
          url: rest,
          status: answer.statusCode,
          contentType: answer.headers['content-type'],
          body: Buffer.concat(chunks).toString(),
          source,
        });
      });
      answer.pipe(response);
    },
  );
  upstream.on('error', error => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { 'content-type': 'text/plain' }).end(String(error));
  });
  response.on('close', () => upstream.destroy());
  request.pipe(upstream);
}

/** Node keeps several `set-cookie` as an array here, and so they all arrive. */
function endToEnd(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

/** As the proxies of the SDKs do it: only the host is compared, and the path is kept whole. */
function throughProxy(location, target, proxyUrl) {
  const url = new URL(location, target);
  return url.host === target.host ? `${proxyUrl}${url.pathname}${url.search}${url.hash}` : location;
}
