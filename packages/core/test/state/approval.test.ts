import { createHmac } from "node:crypto";

import { expect, test } from "vitest";

import type { ApprovalTerms } from "../../src/policy/policy.ts";
import { Approvals, type ApprovalBinding, type ApprovalRequest } from "../../src/state/approval.ts";
import type { DocumentStore } from "../../src/store/state-store.ts";
import { slowDocuments } from "./slow-documents.ts";
import { createTestMachines, type TestMachines } from "./test-machines.ts";

function hmac(text: string): string {
  return createHmac("sha256", "key").update(text).digest("hex");
}

const BINDING: ApprovalBinding = {
  tenant: "acme",
  agent: "a",
  session: "s",
  user: "uma",
  hookpoint: "before_tool_call",
  tool: { name: "refund", server: undefined, originalName: undefined, pin: "p1" },
  inputHmac: hmac('{"amount":5}'),
  asks: [{ policyId: "p", contentHash: "sha256:1", ruleId: "r" }],
};
const ADA = { by: "ada", role: "operator" } as const;
const BOB = { by: "bob", role: "operator" } as const;
const MINUTE_MS = 60_000;

function approvalsOf(machines: TestMachines, documents: DocumentStore = machines.store.approvals): Approvals {
  return new Approvals({ ...machines, approvals: documents, hmac });
}

function setUp(terms: ApprovalTerms = {}) {
  const machines = createTestMachines();
  const approvals = approvalsOf(machines);
  const requestOf = (more: Partial<ApprovalRequest> = {}): ApprovalRequest => ({
    binding: BINDING,
    terms,
    view: { tool: "refund" },
    idempotencyKey: "call-1",
    nowMs: machines.nowMs(),
    requestedBy: "uma",
    ...more,
  });
  // Memory answers at once; the type of the class allows for stores that do not.
  const request = (more: Partial<ApprovalRequest> = {}) => approvals.request(requestOf(more));
  return { ...machines, approvals, request, requestOf };
}

test("hitl_can_be_approved: asked, approved, found by its binding, used once", async () => {
  const { approvals, request, records } = setUp();
  const asked = await request();
  expect(asked).toMatchObject({ status: "pending", requestedBy: "uma", approvedBy: [] });
  expect(await approvals.find(BINDING)).toBeUndefined();
  expect(await approvals.consume(asked.id)).toBe(false);
  expect(await approvals.approve(asked.id, ADA)).toMatchObject({ status: "approved", approvedBy: ["ada"] });
  expect(await approvals.find(BINDING)).toMatchObject({ id: asked.id });
  expect(await approvals.consume(asked.id)).toBe(true);
  expect(await approvals.consume(asked.id)).toBe(false);
  expect(await approvals.find(BINDING)).toBeUndefined();
  expect(await approvals.get(asked.id)).toMatchObject({ status: "consumed" });
  expect(records.map(({ action, by }) => [action, by])).toStrictEqual([
    ["approval_requested", "uma"],
    ["approval_approved", "ada"],
    ["approval_consumed", "engine"],
  ]);
});

test("asked again under one key it is one request, however it stands, until it is used up", async () => {
  const { approvals, request } = setUp();
  const asked = await request();
  expect((await request()).id).toBe(asked.id);
  await approvals.deny(asked.id, { ...ADA, reason: "no" });
  expect(await request()).toMatchObject({ id: asked.id, status: "denied", reason: "no", deniedBy: "ada" });
  const other = await request({ idempotencyKey: "call-2" });
  expect(other.id).not.toBe(asked.id);
  await approvals.approve(other.id, ADA);
  await approvals.consume(other.id);
  const next = await request({ idempotencyKey: "call-2" });
  expect(next).toMatchObject({ status: "pending" });
  expect(next.id).not.toBe(other.id);
  expect((await request({ idempotencyKey: "call-2" })).id).toBe(next.id);
});

test.for<[string, Partial<ApprovalBinding>]>([
  ["tenant", { tenant: "other" }],
  ["absent tenant", { tenant: undefined }],
  ["agent", { agent: "b" }],
  ["session", { session: "s2" }],
  ["user", { user: "eve" }],
  ["hookpoint", { hookpoint: "before_handoff" }],
  ["tool", { tool: { name: "pay", server: undefined, originalName: undefined, pin: "p1" } }],
  ["pin", { tool: { name: "refund", server: undefined, originalName: undefined, pin: "p2" } }],
  ["input", { inputHmac: hmac('{"amount":500}') }],
  ["policy version", { asks: [{ policyId: "p", contentHash: "sha256:2", ruleId: "r" }] }],
  ["further ask", { asks: [...BINDING.asks, { policyId: "q", contentHash: "sha256:3", ruleId: "r" }] }],
])("an approval does not fit another %s, which is a request of its own", async ([, more]) => {
  const { approvals, request } = setUp();
  const asked = await request();
  await approvals.approve(asked.id, ADA);
  const binding = { ...BINDING, ...more };
  expect(await approvals.find(binding)).toBeUndefined();
  expect((await request({ binding })).id).not.toBe(asked.id);
  expect(await approvals.find(BINDING)).toMatchObject({ id: asked.id });
});

test("one of many equal requests may be approved, and serves any of the equal calls once", async () => {
  const { approvals, request } = setUp();
  await request({ idempotencyKey: "call-1" });
  const second = await request({ idempotencyKey: "call-2" });
  await approvals.approve(second.id, ADA);
  expect(await approvals.find(BINDING)).toMatchObject({ id: second.id });
});

test("what nobody answers in time expires; what is approved may be used for as long again", async () => {
  const { approvals, request, advanceMs, records } = setUp({ timeout: "5m" });
  const asked = await request();
  const other = await request({ idempotencyKey: "call-2" });
  advanceMs(5 * MINUTE_MS - 1);
  await approvals.approve(other.id, ADA);
  advanceMs(1);
  expect(await approvals.get(asked.id)).toMatchObject({ status: "expired" });
  await expect(async () => approvals.approve(asked.id, ADA)).rejects.toMatchObject({
    code: "approval_invalid",
  });
  expect((await request()).status).toBe("expired");
  expect(await approvals.find(BINDING)).toMatchObject({ id: other.id });
  advanceMs(5 * MINUTE_MS);
  expect(await approvals.find(BINDING)).toBeUndefined();
  expect(await approvals.consume(other.id)).toBe(false);
  expect(records.filter(({ action }) => action === "approval_expired")).toHaveLength(2);
});

test("several approvers are different people, operators, and never the requester; one no ends it", async () => {
  const { approvals, request } = setUp({ approvers: 2, by: "operator" });
  const asked = await request();
  await expect(async () => approvals.approve(asked.id, { by: "uma", role: "operator" })).rejects.toThrow(
    "requested it",
  );
  await expect(async () => approvals.approve(asked.id, { by: "cli", role: "client" })).rejects.toThrow(
    "operator",
  );
  await expect(async () => approvals.approve(asked.id, { by: " ", role: "operator" })).rejects.toThrow(
    "name",
  );
  expect(await approvals.approve(asked.id, ADA)).toMatchObject({ status: "pending" });
  expect(await approvals.approve(asked.id, ADA)).toMatchObject({ status: "pending", approvedBy: ["ada"] });
  expect(await approvals.approve(asked.id, BOB)).toMatchObject({
    status: "approved",
    approvedBy: ["ada", "bob"],
  });
  const next = await request({ idempotencyKey: "call-2" });
  await approvals.approve(next.id, ADA);
  expect(await approvals.deny(next.id, BOB)).toMatchObject({ status: "denied" });
});

test("four eyes without a user are refused: nobody could be told apart", async () => {
  const { request } = setUp({ approvers: 2 });
  expect(await request({ requestedBy: undefined })).toMatchObject({
    status: "denied",
    reason: expect.stringContaining("no user"),
  });
});

test.each<ApprovalTerms["by"]>([undefined, "any", "client"])(
  "four eyes are operators' eyes, also where the terms say %s",
  async (by) => {
    const { approvals, request } = setUp({ approvers: 2, ...(by !== undefined && { by }) });
    const asked = await request();
    const client = { by: "cli", role: "client" } as const;
    await expect(async () => approvals.approve(asked.id, client)).rejects.toThrow("operator");
    await expect(async () => approvals.deny(asked.id, client)).rejects.toThrow("operator");
  },
);

test("who may answer is what the terms say", async () => {
  const { approvals, request } = setUp({ by: "client" });
  const asked = await request();
  await expect(async () => approvals.approve(asked.id, ADA)).rejects.toMatchObject({
    code: "approval_invalid",
  });
  expect(await approvals.approve(asked.id, { by: "terminal", role: "client" })).toMatchObject({
    status: "approved",
  });
  await expect(async () => approvals.deny(asked.id, { by: "terminal", role: "client" })).rejects.toThrow(
    "approved",
  );
  await expect(async () => approvals.approve("apr_unknown", ADA)).rejects.toMatchObject({
    code: "approval_invalid",
  });
});

test("an edit approves another input and is bound to it; earlier approvals of the old one are gone", async () => {
  const { approvals, request } = setUp({ approvers: 2, by: "operator" });
  const asked = await request();
  await approvals.approve(asked.id, ADA);
  const input = { amount: 1 };
  expect(await approvals.edit(asked.id, { ...BOB, input })).toMatchObject({
    status: "pending",
    approvedBy: ["bob"],
    editedBy: "bob",
  });
  expect(await approvals.approve(asked.id, ADA)).toMatchObject({ status: "approved", editedInput: input });
  expect(await approvals.find(BINDING)).toBeUndefined();
  expect(await approvals.find({ ...BINDING, inputHmac: hmac('{"amount":1}') })).toMatchObject({
    id: asked.id,
    editedInput: input,
  });
});

test("an edited input is never stored, and is gone once used", async () => {
  const { approvals, request, store } = setUp();
  const asked = await request();
  await approvals.edit(asked.id, { ...ADA, input: { note: "very secret" } });
  expect(JSON.stringify(store.approvals.list(""))).not.toContain("very secret");
  await approvals.consume(asked.id);
  expect(await approvals.get(asked.id)).not.toHaveProperty("editedInput");
});

test("waiting ends with the answer, whichever process gave it", async () => {
  const { approvals, request, ...machines } = setUp();
  const asked = await request();
  const waiting = approvals.wait(asked.id);
  await approvalsOf(machines).edit(asked.id, { ...ADA, input: { amount: 1 } });
  expect(await waiting).toMatchObject({ status: "approved", approvedBy: ["ada"] });
  await expect(approvals.wait("apr_unknown")).rejects.toMatchObject({ code: "approval_invalid" });
});

test("who waits for an edit gets the edited input with the answer", async () => {
  const { approvals, request } = setUp();
  const asked = await request();
  const waiting = approvals.wait(asked.id);
  await approvals.edit(asked.id, { ...ADA, input: { amount: 1 } });
  expect(await waiting).toMatchObject({ editedInput: { amount: 1 } });
});

test("waiting ends when the time is up, also when nobody asks", async () => {
  const { approvals, request, advanceMs } = setUp({ timeout: "5m" });
  const waiting = approvals.wait((await request()).id);
  advanceMs(5 * MINUTE_MS);
  expect(await waiting).toMatchObject({ status: "expired" });
});

test.for(["before", "while"])(
  "cancelled_wait_is_not_approval: a signal %s waiting rejects, and the request stays pending",
  async (when) => {
    const { approvals, request } = setUp();
    const asked = await request();
    const cancel = new AbortController();
    if (when === "before") cancel.abort(new Error("shutdown"));
    const waiting = approvals.wait(asked.id, cancel.signal);
    cancel.abort(new Error("shutdown"));
    await expect(waiting).rejects.toMatchObject({ code: "approval_pending", cause: new Error("shutdown") });
    expect(await approvals.get(asked.id)).toMatchObject({ status: "pending" });
    expect(await approvals.find(BINDING)).toBeUndefined();
  },
);

test("requests are listed by status, oldest first, and subscribers see each change", async () => {
  const { approvals, request, advanceMs } = setUp();
  const seen: string[] = [];
  const stop = approvals.subscribe(({ id, status }) => seen.push(`${id} ${status}`));
  const first = await request();
  advanceMs(10);
  const second = await request({ idempotencyKey: "call-2" });
  await approvals.approve(second.id, ADA);
  expect((await approvals.list()).map(({ id }) => id)).toStrictEqual([first.id, second.id]);
  expect((await approvals.list({ status: "pending" })).map(({ id }) => id)).toStrictEqual([first.id]);
  expect(seen).toStrictEqual([`${first.id} pending`, `${second.id} pending`, `${second.id} approved`]);
  stop();
  advanceMs(5 * MINUTE_MS);
  expect(await approvals.list({ status: "pending" })).toStrictEqual([]);
});

test("of 1,000 consumers at once, in interleaving processes, exactly one uses an approval", async () => {
  const { request, approvals, ...machines } = setUp();
  const processes = Array.from({ length: 4 }, () =>
    approvalsOf(machines, slowDocuments(machines.store.approvals)),
  );
  const asked = await request();
  await approvals.approve(asked.id, ADA);
  const consumed = await Promise.all(
    Array.from({ length: 1_000 }, async (_, index) => processes[index % 4]?.consume(asked.id)),
  );
  expect(consumed.filter(Boolean)).toHaveLength(1);
});

test("many processes that ask for one call at once open one request, also after one was used up", async () => {
  const { requestOf, approvals, ...machines } = setUp();
  const processes = Array.from({ length: 4 }, () =>
    approvalsOf(machines, slowDocuments(machines.store.approvals)),
  );
  const askAll = async (): Promise<readonly string[]> => {
    const all = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => processes[index % 4]?.request(requestOf())),
    );
    return [...new Set(all.map((one) => one?.id ?? "none"))];
  };
  const [first, ...others] = await askAll();
  expect(others).toStrictEqual([]);
  expect(await approvals.list()).toHaveLength(1);
  await approvals.approve(first ?? "", ADA);
  expect(await approvals.consume(first ?? "")).toBe(true);
  const [second, ...more] = await askAll();
  expect(more).toStrictEqual([]);
  expect(second).not.toBe(first);
  expect(await approvals.list({ status: "pending" })).toHaveLength(1);
});

test.for(["uma ", "Uma", "u\u200bma", "\uff55ma", "UMA\ufeff"])(
  "the requester may not answer under the name %j either",
  async (by) => {
    const { approvals, request } = setUp();
    const { id } = await request();
    expect(() => approvals.approve(id, { by, role: "operator" })).toThrow(/by who requested it/);
    expect(await approvals.get(id)).toMatchObject({ status: "pending" });
  },
);

test("one person under two spellings is one approver", async () => {
  const { approvals, request } = setUp({ approvers: 2, by: "operator" });
  const { id } = await request();
  await approvals.approve(id, BOB);
  for (const by of ["bob ", "Bob", "b\u200bob"]) {
    // oxlint-disable-next-line no-await-in-loop -- one answer after the other
    expect(await approvals.approve(id, { by, role: "operator" })).toMatchObject({
      status: "pending",
      approvedBy: ["bob"],
    });
  }
  expect(await approvals.approve(id, ADA)).toMatchObject({ status: "approved", approvedBy: ["bob", "ada"] });
});

test("four eyes for a user of nothing visible are refused", async () => {
  const { request } = setUp({ approvers: 2, by: "operator" });
  expect(await request({ requestedBy: " \u200b" })).toMatchObject({ status: "denied" });
});

test("an approved request is found, however many others are open for the same action", async () => {
  const { approvals, request } = setUp();
  const { id } = await request({ idempotencyKey: "first" });
  await approvals.approve(id, BOB);
  for (let at = 0; at < 100; at++) {
    // oxlint-disable-next-line no-await-in-loop -- in this order
    await request({ idempotencyKey: `open-${at}` });
  }
  expect(await approvals.find(BINDING)).toMatchObject({ id, status: "approved" });
  const late = await request({ idempotencyKey: "late" });
  expect(await approvals.consume(id)).toBe(true);
  await approvals.approve(late.id, ADA);
  expect(await approvals.find(BINDING)).toMatchObject({ id: late.id });
});

test("a subscriber that throws neither keeps an answer from being recorded nor others from hearing of it", async () => {
  const { approvals, request, records, errors } = setUp();
  const seen: string[] = [];
  approvals.subscribe(() => {
    throw new Error("dashboard bug");
  });
  approvals.subscribe(({ status }) => void seen.push(status));
  const { id } = await request();
  await approvals.approve(id, BOB);
  expect(seen).toStrictEqual(["pending", "approved"]);
  expect(records.map(({ action }) => action)).toStrictEqual(["approval_requested", "approval_approved"]);
  expect(errors).toContain("a listener to approvals failed");
});

test("an edit without an input says that it is missing", async () => {
  const error: unknown = await Promise.resolve()
    .then(() => setUp().approvals.edit("apr_1", { ...BOB } as unknown as Parameters<Approvals["edit"]>[1]))
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "usage_invalid",
    message: "approvals.edit: input must be given, not undefined",
  });
});
