import { expect, test } from "vitest";

import { AgentplaneError } from "../../src/base/errors.ts";
import type { StoreAdmissionAnswer } from "../../src/store/state-store.ts";
import { append, more, open, request, same, throwing, TIMEOUT_MS } from "./group-server.ts";

const ADMITTED: StoreAdmissionAnswer = { isAdmitted: true };
const CALLED_OFF: StoreAdmissionAnswer = { isAdmitted: false, reservation: undefined };
const REFUSED: StoreAdmissionAnswer = {
  isAdmitted: false,
  reservation: { isGranted: false, breaches: [{ index: 0 }] },
};

test("admissions that write one document at once are sent together, each with what it takes and in their order", async () => {
  const { server, writes, ofSession, ofCall } = open();
  const answers = await Promise.all(
    Array.from({ length: 150 }, async (_, at) =>
      writes.admit(request(`r${at}`), [ofCall(`c${at}`, () => at), ofSession("s", append(at))]),
    ),
  );
  expect(answers).toEqual(Array.from({ length: 150 }, () => ADMITTED));
  expect(server.groups.map(({ takes }) => takes.length)).toEqual([64, 64, 22]);
  expect(server.valueAt("s")).toEqual(Array.from({ length: 150 }, (_, at) => at));
  expect(server.held.size).toBe(150);
  for (const { writes: sent } of server.groups) {
    const names = sent.map(({ documents, key }) => `${documents.collection}:${key}`);
    expect(names).toEqual(names.toSorted());
  }
});

test("what waits for a lane goes together whatever it writes; what people write waits for no lane", async () => {
  const { server, writes, ofSession, controls } = open(2);
  const done: string[] = [];
  const calls = Array.from({ length: 100 }, async (_, at) =>
    writes.update(ofSession(`s${at}`, more)).then(() => done.push("call")),
  );
  await Promise.all([...calls, writes.update(controls("kill", () => "now")).then(() => done.push("kill"))]);
  expect(server.groups.length).toBeLessThan(7);
  expect(done.indexOf("kill")).toBeLessThan(4);
  expect(server.groups.filter((group) => group.writes.some(({ key }) => key === "kill"))).toHaveLength(1);
  expect(server.groups.find((group) => group.writes.some(({ key }) => key === "kill"))?.writes).toHaveLength(
    1,
  );
});

test("long documents do not go together beyond a bound", async () => {
  const { server, writes, ofSession } = open();
  const long = "x".repeat(400_000);
  for (let at = 0; at < 6; at++) {
    // oxlint-disable-next-line no-await-in-loop -- they are there first
    await writes.update(ofSession(`s${at}`, () => long));
  }
  server.groups.length = 0;
  await Promise.all(Array.from({ length: 6 }, async (_, at) => writes.update(ofSession(`s${at}`, () => at))));
  expect(server.groups.map((group) => group.writes.length)).toEqual([2, 2, 2]);
});

test("a change that calls itself off, and one that throws, concern their own member, by what is really there", async () => {
  const { server, writes, ofSession, ofCall } = open();
  server.put("c", "of another", "admissions");
  const unlessThere = (old: unknown): unknown => old ?? "mine";
  const answers = await Promise.allSettled([
    writes.admit(request("a"), [ofCall("a", () => 1), ofSession("s", more)]),
    writes.admit(request("b"), [ofCall("b", () => 1), ofSession("s", same)]),
    writes.update(ofSession("s", throwing)),
    writes.update(ofSession("s", same)),
    writes.admit(request("c"), [ofCall("c", unlessThere), ofSession("s", more)]),
    writes.update(ofSession("s", more)),
  ]);
  expect(answers).toEqual([
    { status: "fulfilled", value: ADMITTED },
    { status: "fulfilled", value: CALLED_OFF },
    { status: "rejected", reason: new Error("not so") },
    // As its turn came.
    { status: "fulfilled", value: 1 },
    { status: "fulfilled", value: CALLED_OFF },
    // It was tried once more when the other document was not as expected.
    { status: "fulfilled", value: 2 },
  ]);
  expect([server.valueAt("s"), server.valueAt("b", "admissions"), server.valueAt("c", "admissions")]).toEqual(
    [2, undefined, "of another"],
  );
  expect([...server.held.keys()]).toEqual(["a"]);
});

test("only what is really there leaves a document as it is: a guess is looked up once for all", async () => {
  const { server, writes, ofSession } = open();
  server.put("s", 7);
  const answers = await Promise.all([
    writes.update(ofSession("s", same)),
    writes.update(ofSession("s", same)),
  ]);
  expect(answers).toEqual([7, 7]);
  expect([server.reads, server.groups.length]).toEqual([1, 0]);
});

test("as many as fit are admitted, those refused are told, and their changes are not written", async () => {
  const { server, writes, ofSession } = open();
  server.limit = 100;
  const answers = await Promise.all(
    Array.from({ length: 300 }, async (_, at) =>
      writes.admit(request(`r${at}`), [ofSession("s", append(at))]),
    ),
  );
  expect(answers).toEqual(Array.from({ length: 300 }, (_, at) => (at < 100 ? ADMITTED : REFUSED)));
  expect(server.valueAt("s")).toEqual(Array.from({ length: 100 }, (_, at) => at));
  expect(server.groups.length).toBe(6);
});

test("nobody is refused for the sake of a call that is not admitted after all", async () => {
  const { server, writes, ofSession, ofCall } = open();
  server.limit = 1;
  const unlessThere = (old: unknown): unknown => old ?? "mine";
  // Refused behind the first; before both are sent again, another process makes that one impossible.
  server.before.push(
    () => undefined,
    () => void server.put("c", "of another", "admissions"),
  );
  const answers = await Promise.all([
    writes.admit(request("a"), [ofCall("c", unlessThere), ofSession("s", more)]),
    writes.admit(request("b"), [ofSession("s", more)]),
  ]);
  expect(answers).toEqual([CALLED_OFF, ADMITTED]);
  expect([...server.held.keys()]).toEqual(["b"]);
});

test("two of one id go one after the other: the second finds what the first has taken", async () => {
  const { server, writes, ofSession } = open();
  const admit = async (): Promise<unknown> => writes.admit(request("same"), [ofSession("s", more)]);
  expect(await Promise.all([admit(), admit()])).toEqual([ADMITTED, ADMITTED]);
  expect(server.groups.map(({ takes }) => takes.length)).toEqual([1, 1]);
});

test("changes are made again upon what another process has written", async () => {
  const { server, writes, ofSession } = open();
  server.before.push(() => void server.put("s", 100));
  expect(
    await Promise.all([writes.update(ofSession("s", more)), writes.update(ofSession("s", more))]),
  ).toEqual([101, 102]);
  expect(server.valueAt("s")).toBe(102);
});

test("a document that is made and deleted at once is gone", async () => {
  const { server, writes, ofSession } = open();
  const made = [
    writes.update(ofSession("s", () => 1)),
    writes.update(ofSession("s", () => undefined)),
    writes.update(ofSession("s", more)),
  ];
  expect(await Promise.all(made)).toEqual([1, undefined, 1]);
  expect(server.valueAt("s")).toBe(1);
  for (const group of server.groups)
    for (const { version, json } of group.writes) expect(version === "" && json === undefined).toBe(false);
});

test("what cannot be sent fails for who asked for it, not for the others", async () => {
  const { server, writes, ofSession } = open();
  const send = server.send.bind(server);
  server.send = async (group) => {
    if (group.takes.some(({ id }) => id === "bad")) throw new AgentplaneError("usage_invalid", "bad");
    return send(group);
  };
  const answers = await Promise.allSettled([
    writes.admit(request("a"), [ofSession("s", more)]),
    writes.admit(request("bad"), [ofSession("s", more)]),
    writes.update(ofSession("s", () => ({ no: 1n }))),
    writes.admit(request("b"), [ofSession("s", more)]),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  expect(server.valueAt("s")).toBe(2);
});

test("a lost answer fails everybody whom it was for, and who comes later goes on", async () => {
  const { server, writes, ofSession } = open();
  const send = server.send.bind(server);
  const lost = new AgentplaneError("state_failed", "lost");
  server.send = async (group) => {
    await send(group);
    server.send = send;
    throw lost;
  };
  const answers = await Promise.allSettled([
    writes.admit(request("a"), [ofSession("s", more)]),
    writes.update(ofSession("s", more)),
  ]);
  expect(answers.map((one) => "reason" in one && one.reason === lost)).toEqual([true, true]);
  expect(await writes.update(ofSession("s", more))).toBe(3);
});

test("who has waited too long is refused without being sent", async () => {
  const { server, writes, ofSession, advanceMs } = open();
  server.before.push(() => advanceMs(TIMEOUT_MS + 1));
  const first = writes.update(ofSession("s", more));
  await Promise.resolve();
  const second = writes.admit(request("a"), [ofSession("s", more)]);
  expect(await first).toBe(1);
  await expect(second).rejects.toMatchObject({ code: "state_failed" });
  expect([server.valueAt("s"), server.groups.length, server.held.size]).toEqual([1, 1, 0]);
  expect(await writes.update(ofSession("s", more))).toBe(2);
});
