import { ClerkProvider, Show, SignIn, SignUp, UserButton, UserProfile, useUser } from '@clerk/react';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

import { pages } from './organizations.jsx';

const { publishableKey, proxyUrl } = window.settings;

function useLocation() {
  const [path, setPath] = useState(window.location.pathname);
  useEffect(() => {
    const follow = () => setPath(window.location.pathname);
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }, []);
  const go = change => to => {
    window.history[change](null, '', to);
    setPath(window.location.pathname);
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
          Signed out. <a href="/sign-in">Sign in</a> or <a href="/sign-up">sign up</a>.
        </p>
      </Show>
    </>
  );
}

function Page({ path }) {
  if (path.startsWith('/sign-in')) return <SignIn routing="path" path="/sign-in" />;
  if (path.startsWith('/sign-up')) return <SignUp routing="path" path="/sign-up" />;
  if (path.startsWith('/user')) return <UserProfile routing="path" path="/user" />;
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
      signInUrl="/sign-in"
      signUpUrl="/sign-up"
      signInFallbackRedirectUrl="/"
      signUpFallbackRedirectUrl="/"
      afterSignOutUrl="/"
      telemetry={false}
    >
      <main>
        <Page path={path} />
      </main>
    </ClerkProvider>
  );
}

createRoot(document.getElementById('root')).render(<App />);
