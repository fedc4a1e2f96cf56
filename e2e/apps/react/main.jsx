import { ClerkProvider, Show, SignIn, SignUp, UserButton, UserProfile, useUser } from '@clerk/react';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { pages } from './organizations.jsx';

// `base` is where the application is mounted: there can be two of them on one origin.
const { publishableKey, proxyUrl, base } = window.settings;

const here = () => window.location.pathname.slice(base.length) || '/';

function useLocation() {
  const [path, setPath] = useState(here());
  useEffect(() => {
    const follow = () => setPath(here());
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }, []);
  const go = change => to => {
    window.history[change](null, '', to);
    setPath(here());
  };
  return { path, push: go('pushState'), replace: go('replaceState') };
}

function Who() {
  const { user } = useUser();
  return (
    <dl>
      <dt>User</dt>
      <dd data-testid="user-id">{user?.id}</dd>
      <dt>Name</dt>
      <dd data-testid="user-name">{user?.fullName}</dd>
      <dt>E-mail</dt>
      <dd data-testid="user-email">{user?.primaryEmailAddress?.emailAddress}</dd>
    </dl>
  );
}

function Home() {
  return (
    <>
      <Show when="signed-in">
        <UserButton />
        <Who />
      </Show>
      <Show when="signed-out">
        <p data-testid="signed-out">
          Signed out. <a href={`${base}/sign-in`}>Sign in</a> or <a href={`${base}/sign-up`}>sign up</a>.
        </p>
      </Show>
    </>
  );
}

function Page({ path }) {
  if (path.startsWith('/sign-in')) return <SignIn routing="path" path={`${base}/sign-in`} />;
  if (path.startsWith('/sign-up')) return <SignUp routing="path" path={`${base}/sign-up`} />;
  if (path.startsWith('/user')) return <UserProfile routing="path" path={`${base}/user`} />;
  const start = Object.keys(pages).find(start => path === start || path.startsWith(`${start}/`));
  return pages[start] ?? <Home />;
}

function App() {
  const { path, push, replace } = useLocation();
  return (
    <ClerkProvider
      publishableKey={publishableKey}
      proxyUrl={proxyUrl}
      routerPush={push}
      routerReplace={replace}
      signInUrl={`${base}/sign-in`}
      signUpUrl={`${base}/sign-up`}
      signInFallbackRedirectUrl={`${base}/`}
      signUpFallbackRedirectUrl={`${base}/`}
      afterSignOutUrl={`${base}/`}
      telemetry={false}
    >
      <main>
        <Page path={path} />
      </main>
    </ClerkProvider>
  );
}

createRoot(document.getElementById('root')).render(<App />);
