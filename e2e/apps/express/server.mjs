import { clerkMiddleware, getAuth } from '@clerk/express';
import express from 'express';

const { PORT, CLERK_PUBLISHABLE_KEY } = process.env;

const page = body => `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8" /><title>Express example</title><link rel="icon" href="data:," /></head>
  <body>${body}</body>
</html>`;

const app = express();
app.get('/health', (_request, response) => response.send('ok'));
app.use(
  clerkMiddleware({
    frontendApiProxy: { enabled: true },
    organizationSyncOptions: {
      organizationPatterns: ['/teams/:slug', '/teams/by-id/:id'],
      personalAccountPatterns: ['/mine'],
    },
  }),
);

app.get('/', (_request, response) => {
  response.send(
    page(`
    <h1>Express example</h1>
    <script defer crossorigin="anonymous" data-clerk-publishable-key="${CLERK_PUBLISHABLE_KEY}"
      data-clerk-proxy-url="/__clerk" src="/__clerk/npm/@clerk/clerk-js@6/dist/clerk.browser.js"></script>
    <script type="module">window.ready = window.Clerk.load({ telemetry: false });</script>`),
  );
});

// Rendered on the server alone: no script of the SDK mends a cookie here.
app.get('/protected', (request, response) => {
  const { isAuthenticated, userId, sessionId } = getAuth(request);
  response.send(
    page(
      isAuthenticated
        ? `<p>User <b data-testid="user-id">${userId}</b>, session <i data-testid="session-id">${sessionId}</i></p>`
        : '<p data-testid="signed-out">Signed out</p>',
    ),
  );
});

// The address says which organization the page is about; the SDK sees to it that the session is in that.
app.get(['/teams/:slug', '/teams/by-id/:id', '/mine'], (request, response) => {
  const { userId, orgId, orgSlug, orgRole } = getAuth(request);
  const facts = { 'user-id': userId, 'org-id': orgId, 'org-slug': orgSlug, 'org-role': orgRole };
  response.send(page(Object.entries(facts).map(([name, value]) => `<p data-testid="${name}">${value ?? ''}</p>`).join('')));
});

app.get('/api/organization', (request, response) => {
  const { isAuthenticated, userId, orgId, orgSlug, orgRole, orgPermissions, has } = getAuth(request);
  const { role, permission } = request.query;
  const asked = role || permission ? has?.({ ...(role ? { role } : { permission }) }) : undefined;
  response.status(isAuthenticated ? 200 : 401).json({ userId, orgId, orgSlug, orgRole, orgPermissions, has: asked });
});

app.get('/api/me', (request, response) => {
  const { isAuthenticated, userId, sessionId } = getAuth(request);
  response.status(isAuthenticated ? 200 : 401).json({ userId, sessionId });
});

app.post('/api/invoices', (request, response) => {
  const { isAuthenticated, has, orgId } = getAuth(request);
  if (!isAuthenticated) return response.status(401).json({});
  if (!has({ permission: 'org:invoices:create' })) return response.status(403).json({});
  return response.json({ orgId });
});

const server = app.listen(Number(PORT), '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
});
