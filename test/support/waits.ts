/** For what comes in a moment: looked at often, and given up only after longer than a busy machine takes. Milliseconds. */
export const inAMoment = { timeout: 10_000, interval: 5 } as const;
