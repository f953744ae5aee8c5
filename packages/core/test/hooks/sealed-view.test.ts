import { expect, test } from "vitest";

import type { PolicyContext } from "../../src/context/context.ts";
import { createSealedView } from "../../src/hooks/sealed-view.ts";
import { blockOf, registryUnderTest, toolCall } from "./registry-under-test.ts";

const SEALED = [
  "hookpoint",
  "agent",
  "tenant",
  "user",
  "session",
  "callId",
  "questionId",
  "approvalFor",
  "traceId",
];

test.for(SEALED)("returning %s blocks whatever the fallback", async (field) => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", () => ({ [field]: "other" }), { fallback: "continue" });
  const error = await blockOf(() => hooks.run(toolCall()));
  expect(error.reason).toContain(`it returned "${field}", which no hook can change`);
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["failed"]);
});

test.for(SEALED)("writing to %s blocks whatever the fallback, absent fields too", async (field) => {
  const { hooks } = registryUnderTest();
  const write = (context: PolicyContext): void => void Object.assign(context, { [field]: "other" });
  hooks.on("before_tool_call", write, { fallback: "continue" });
  const reason = `it tried to change "${field}", which is sealed`;
  expect((await blockOf(() => hooks.run(toolCall()))).reason).toBe(reason);
  const bare = toolCall({ tenant: undefined, user: undefined, session: undefined, callId: undefined });
  expect((await blockOf(() => hooks.run(bare))).reason).toBe(reason);
});

test.for(["id", "runId", "ancestors"])("writing to agent.%s blocks whatever the fallback", async (field) => {
  const { hooks } = registryUnderTest();
  const write = ({ agent }: PolicyContext): void => void Object.assign(agent, { [field]: "other" });
  hooks.on("before_tool_call", write, { fallback: "continue" });
  expect((await blockOf(() => hooks.run(toolCall()))).reason).toBe(
    `it tried to change "agent.${field}", which is sealed`,
  );
});

test("a write that the hook itself caught blocks too, also after an await", async () => {
  const { hooks } = registryUnderTest();
  hooks.on(
    "before_tool_call",
    async (context) => {
      await Promise.resolve();
      try {
        Object.assign(context, { tenant: "globex" });
      } catch {
        return { input: { amount: 1 } };
      }
      return undefined;
    },
    { fallback: "continue" },
  );
  expect((await blockOf(() => hooks.run(toolCall()))).reason).toContain('it tried to change "tenant"');
});

test("writing to content is an ordinary failure: nothing changes, the fallback decides", async () => {
  const { hooks, runs } = registryUnderTest();
  hooks.on("before_tool_call", ({ tool }) => void Object.assign(tool ?? {}, { name: "other" }), {
    fallback: "continue",
  });
  const context = toolCall();
  expect(hooks.run(context)).toBe(context);
  expect(runs.map(({ outcome }) => outcome)).toStrictEqual(["continued"]);
});

test("a hook sees the same context, frozen, and no field more", () => {
  const context = toolCall({ user: undefined });
  const view = createSealedView(context);
  expect({ ...view.context }).toEqual(context);
  expect(Object.keys(view.context).toSorted()).toStrictEqual(Object.keys(context).toSorted());
  expect(Object.isFrozen(view.context)).toBe(true);
  expect(Reflect.defineProperty(view.context, "tenant", { value: "globex" })).toBe(false);
  expect(view.context.tenant).toBe("acme");
  expect(view.attempt()).toBeUndefined();
});
