import { ApprovalPending, PolicyBlocked, PolicyDegraded, rule, type Policy } from "@agentplane/core";
import { generateObject, generateText, Output, streamText } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern, guardModel } from "../src/index.ts";
import { askingPlane, countingTool, decisionsOf, denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const NO_MODEL: Policy = {
  id: "no-model",
  blocking: [rule.condition({ where: { model: "*" }, reason: "no models today" })],
};

describe("a denied model call", () => {
  it("of generateText throws the policy's error, which is not tried again", async () => {
    const model = new ScriptedModel([]);
    const plane = planeOf([NO_MODEL]);
    const decisions = decisionsOf(plane);
    const settings = govern(plane, WHO, { model, prompt: "go", maxRetries: 3 });
    await expect(generateText(settings)).rejects.toBeInstanceOf(PolicyBlocked);
    expect(model.requests).toEqual([]);
    expect(decisions.filter(({ decision }) => decision.hookpoint === "before_model_call")).toHaveLength(1);
  });

  it("of generateText is answered with the reason where that is wanted", async () => {
    const settings = govern(
      planeOf([NO_MODEL]),
      WHO,
      { model: new ScriptedModel([]), prompt: "go" },
      { onDenied: "substitute" },
    );
    const { text, finishReason, providerMetadata } = await generateText(settings);
    expect(text).toContain("no models today");
    expect(finishReason).toBe("content-filter");
    expect(providerMetadata?.["agentplane"]).toMatchObject({ effect: "block", policyId: "no-model" });
  });

  it("of a stream says why, and throws where that is wanted: as an error part", async () => {
    const model = () => guardModel(planeOf([NO_MODEL]), WHO, new ScriptedModel([]));
    const result = streamText({ model: model(), prompt: "go" });
    expect(await result.text).toContain("no models today");
    const errors: unknown[] = [];
    const throwing = streamText({
      model: guardModel(planeOf([NO_MODEL]), WHO, new ScriptedModel([]), { onDenied: "throw" }),
      prompt: "go",
      onError: ({ error }) => void errors.push(error),
    });
    const types: string[] = [];
    for await (const { type } of throwing.fullStream) types.push(type);
    expect(types).toContain("error");
    expect(errors[0]).toBeInstanceOf(PolicyBlocked);
  });

  it("that must give an object or a tool call throws the policy's error, whatever is wanted", async () => {
    const plane = planeOf([NO_MODEL]);
    const options = { onDenied: "substitute" } as const;
    const schema = z.object({ a: z.string() });
    const model = new ScriptedModel([]);
    const tools = { read: countingTool().tool };
    await expect(
      generateText(govern(plane, WHO, { model, prompt: "go", output: Output.object({ schema }) }, options)),
    ).rejects.toBeInstanceOf(PolicyBlocked);
    await expect(
      generateObject(govern(plane, WHO, { model, prompt: "go", schema }, options)),
    ).rejects.toBeInstanceOf(PolicyBlocked);
    await expect(
      generateText(govern(plane, WHO, { model, tools, toolChoice: "required", prompt: "go" }, options)),
    ).rejects.toBeInstanceOf(PolicyBlocked);
    await expect(
      generateText(
        govern(
          plane,
          WHO,
          { model, tools, toolChoice: { type: "tool", toolName: "read" }, prompt: "go" },
          options,
        ),
      ),
    ).rejects.toBeInstanceOf(PolicyBlocked);
  });

  it("that is told to call a hidden tool is denied by the policy that hides it", async () => {
    const plane = planeOf([denying("wipe")]);
    const decisions = decisionsOf(plane);
    const model = new ScriptedModel([]);
    const tools = { wipe: countingTool().tool, read: countingTool().tool };
    const forced = govern(plane, WHO, {
      model,
      tools,
      toolChoice: { type: "tool", toolName: "wipe" },
      prompt: "go",
    });
    await expect(generateText(forced)).rejects.toMatchObject({
      code: "policy_blocked",
      policyId: "deny-wipe",
    });
    const onlyOne = govern(plane, WHO, {
      model,
      tools: { wipe: tools.wipe },
      toolChoice: "required",
      prompt: "go",
    });
    await expect(generateText(onlyOne)).rejects.toBeInstanceOf(PolicyBlocked);
    expect(model.requests).toEqual([]);
    expect(decisions.some(({ tool }) => tool === "wipe")).toBe(true);
    const degraded = planeOf();
    await degraded.controls.degrade({ kind: "agent", id: "a" }, "READ_ONLY", { by: "olga" });
    const again = govern(degraded, WHO, {
      model,
      tools,
      toolChoice: { type: "tool", toolName: "wipe" },
      prompt: "go",
    });
    await expect(generateText(again)).rejects.toBeInstanceOf(PolicyDegraded);
  });

  it("of an agent that may not run is denied in each form, with and without tools, and on record", async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
    const no = rule.condition({ where: { agent: "a" }, then: "block", reason: "a is retired" });
    const plane = planeOf([{ id: "retired", selector: { hookpoints: ["before_agent"] }, blocking: [no] }]);
    const decisions = decisionsOf(plane);
    const model = new ScriptedModel([]);
    for (const tools of [undefined, { read: countingTool().tool }]) {
      const settings = govern(plane, WHO, { model, prompt: "go", ...(tools && { tools }) });
      // oxlint-disable-next-line no-await-in-loop -- one run after the other
      await expect(generateText(settings)).rejects.toMatchObject({ policyId: "retired" });
      // oxlint-disable-next-line no-await-in-loop
      expect(await streamText(settings).finishReason).toBe("content-filter");
    }
    expect(model.requests).toEqual([]);
    expect(decisions.filter((record) => JSON.stringify(record).includes("before_agent"))).toHaveLength(4);
    const other = govern(plane, { agent: "b" }, { model: new ScriptedModel([{ text: "hi" }]), prompt: "go" });
    expect((await generateText(other)).text).toBe("hi");
  });

  it("of an agent that needs a human first names the approval, and goes on once it is given", async () => {
    // oxlint-disable-next-line unicorn/no-thenable
    const ask = rule.condition({ where: { agent: "a" }, then: "escalate", reason: "a needs a person" });
    const plane = askingPlane([{ id: "ask", selector: { hookpoints: ["before_agent"] }, blocking: [ask] }]);
    const settings = () =>
      govern(plane, WHO, { model: new ScriptedModel([{ text: "hello" }]), prompt: "go" });
    const pending = await generateText(settings()).catch((error: unknown) => error);
    expect(pending).toBeInstanceOf(ApprovalPending);
    if (!(pending instanceof ApprovalPending)) return;
    await plane.approvals.approve(pending.approvalId, { by: "olga", role: "operator" });
    expect((await generateText(settings())).text).toBe("hello");
  });

  it("that waits for a human throws who is asked, and goes on once approved", async () => {
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy language: a text, never a function
    const ask = rule.condition({ where: { model: "*" }, then: "escalate", reason: "models need a person" });
    const plane = askingPlane([{ id: "ask", blocking: [ask] }]);
    const settings = () =>
      govern(plane, WHO, { model: new ScriptedModel([{ text: "hello" }]), prompt: "go" });
    const pending = await generateText(settings()).catch((error: unknown) => error);
    expect(pending).toBeInstanceOf(ApprovalPending);
    if (!(pending instanceof ApprovalPending)) return;
    await plane.approvals.approve(pending.approvalId, { by: "olga", role: "operator" });
    expect((await generateText(settings())).text).toBe("hello");
  });
});
