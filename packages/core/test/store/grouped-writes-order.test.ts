import * as fc from "fast-check";
import { expect, test } from "vitest";

import { append, open, request, same } from "./group-server.ts";

test.for([
  ["one document and a limit", 1, 20],
  ["two documents", 2, Infinity],
] as const)(
  "whatever comes together is answered as if it had come one by one: %s",
  async ([, sessions, limit]) => {
    const member = fc.record({
      session: fc.nat(sessions - 1),
      call: fc.option(fc.nat(2)),
      amount: fc.option(fc.nat(4)),
      isOff: fc.boolean(),
    });
    type Member = typeof member extends fc.Arbitrary<infer M> ? M : never;
    const run = async (members: readonly Member[], lanes: number, isTogether: boolean): Promise<unknown> => {
      const { server, writes, ofSession, ofCall } = open(lanes);
      server.limit = limit;
      const answers: Promise<unknown>[] = [];
      for (const [at, { session, call, amount, isOff }] of members.entries()) {
        const inSession = ofSession(`s${session}`, isOff ? same : append(at));
        const ofIt = ofCall(`c${session}${call}`, (old) => old ?? at);
        const reserve = amount === null ? undefined : request(`r${at}`, amount);
        answers.push(call === null ? writes.update(inSession) : writes.admit(reserve, [ofIt, inSession]));
        // oxlint-disable-next-line no-await-in-loop -- one by one
        if (!isTogether) await answers.at(-1);
      }
      return [
        await Promise.all(answers),
        server.valueAt("s0"),
        server.valueAt("s1"),
        Object.fromEntries(server.held),
      ];
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (members, lanes) => {
          expect(await run(members, lanes, true)).toEqual(await run(members, lanes, false));
        },
      ),
      { numRuns: 200 },
    );
  },
);

test.for([
  ["that have an id", true],
  ["that have none", false],
] as const)("one busy session holds nobody else up, with calls %s", async ([, hasId]) => {
  const { server, writes, ofSession, ofCall } = open();
  const answered = new AbortController();
  const busy = async (caller: number): Promise<void> => {
    for (let round = 0; round < 50 && !answered.signal.aborted; round++) {
      const inSession = ofSession("busy", append(round));
      const changes = hasId ? [ofCall(`${caller} ${round}`, () => 1), inSession] : [inSession];
      // oxlint-disable-next-line no-await-in-loop -- as soon as it is answered
      await writes.admit(request(`${caller} ${round}`), changes);
    }
  };
  const callers = Array.from({ length: 200 }, async (_, caller) => busy(caller));
  await expect.poll(() => server.groups.length).toBeGreaterThan(0);
  const sentBefore = server.groups.length;
  await writes.update(ofSession("other", () => 1)).then(() => answered.abort());
  const at = server.groups.findIndex(({ writes: sent }) => sent.some(({ key }) => key === "other"));
  await Promise.all(callers);
  // All that waited before it, in groups of 64, and no more.
  expect(at - sentBefore).toBeLessThan(5);
});
