/** Where every property's random cases begin: CHANCERY_SEED, which the gate sets (test/gate.ts); without it each run draws another one. */
import fc from 'fast-check';

const seed = process.env['CHANCERY_SEED'];
if (seed !== undefined) fc.configureGlobal({ seed: Number(seed) });
