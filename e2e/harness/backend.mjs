import './record-fetch.mjs';
import { createClerkClient } from '@clerk/backend';

import { address, password } from './people.mjs';

export { isClerkAPIResponseError } from '@clerk/backend/errors';

export function backendClient(server, { instance = server.instance, ...options } = {}) {
  return createClerkClient({
    apiUrl: server.backendUrl,
    secretKey: instance.secretKey,
    publishableKey: instance.publishableKey,
    telemetry: { disabled: true },
    ...options,
  });
}

export async function newUser(clerk, name, details = {}) {
  const person = { address: address(name), password: password() };
  const user = await clerk.users.createUser({
    emailAddress: [person.address],
    password: person.password,
    ...details,
  });
  return { ...person, id: user.id, user };
}
