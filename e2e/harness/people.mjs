import { randomBytes } from 'node:crypto';

const tag = () => randomBytes(5).toString('hex');

export const address = name => `${name}-${tag()}@example.com`;

/** In development such an address gets the code 424242. */
export const testAddress = name => `${name}-${tag()}+clerk_test@example.com`;
export const TEST_CODE = '424242';

/** Long and random: no rule about strength or known breaches may get in the way of a story. */
export const password = () => `Kiln-${tag()}-Quay-${tag()}`;
