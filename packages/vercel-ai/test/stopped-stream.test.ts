import { PolicyBlocked, rule, type Policy } from "@agentplane/core";
import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { generateText, streamText, type TextStreamPart, type ToolSet } from "ai";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { planeOf, WHO } from "./planes.ts";
import { ScriptedModel, USAGE } from "./scripted-model.ts";

const FINISH = { type: "finish", finishReason: { unified: "stop", raw: undefined }, usage: USAGE } as const;
const BUDGET: Policy = { id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h" })] };

/** A stream whose third piece comes when `before` has ended. */
function slowModel(before: () => unknown): ScriptedModel {
  const model = new ScriptedModel([]);
  model.doStream = async () => {
    const pieces = ["one ", "two ", "three ", "four"];
    let at = 0;
    return {
      stream: new ReadableStream<LanguageModelV4StreamPart>(
        {
          async pull(controller) {
            if (at === 0) controller.enqueue({ type: "text-start", id: "t" });
            if (at === 2) await before();
            const delta = pieces[at++];
            if (delta !== undefined) return controller.enqueue({ type: "text-delta", id: "t", delta });
            controller.enqueue({ type: "text-end", id: "t" });
            controller.enqueue(FINISH);
            controller.close();
          },
        },
        { highWaterMark: 0 },
      ),
    };
  };
  return model;
}

describe("a stream that is stopped in the middle", () => {
  for (const onDenied of ["substitute", "throw"] as const)
    it(`ends by the protocol when it is cut (${onDenied}): its iteration does not throw`, async () => {
      const plane = planeOf([BUDGET]);
      const model = slowModel(() =>
        plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "stop" }),
      );
      const errors: unknown[] = [];
      const result = streamText({
        ...govern(plane, WHO, { model, prompt: "go" }, { onDenied }),
        onError: ({ error }) => void errors.push(error),
      });
      const seen: TextStreamPart<ToolSet>[] = [];
      for await (const part of result.fullStream) seen.push(part);
      const types = seen.map(({ type }) => type);
      expect(types.filter((type) => type === "text-start")).toHaveLength(
        types.filter((type) => type === "text-end").length,
      );
      expect(types.at(-1)).toBe("finish");
      expect(types.includes("error")).toBe(onDenied === "throw");
      expect(errors.every((error) => error instanceof PolicyBlocked)).toBe(true);
      const text = await result.text;
      expect(text).toMatch(/^one two /);
      expect(text).not.toContain("three");
      expect(await result.finishReason).toBe("content-filter");
    });

  it("settles what was produced when its caller aborts", async () => {
    const plane = planeOf([BUDGET]);
    const controller = new AbortController();
    let isAborted = false;
    const result = streamText({
      ...govern(plane, WHO, { model: slowModel(() => controller.abort()), prompt: "go" }),
      abortSignal: controller.signal,
      onAbort: () => {
        isAborted = true;
      },
    });
    await result.consumeStream();
    const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
    expect(isAborted).toBe(true);
    expect(state?.held).toBe(0);
    expect(state?.used).toBeGreaterThan(0);
    expect(state?.used).toBeLessThan(100);
  });

  it("ends at once when its reader leaves while the provider is silent, and is settled", async () => {
    const plane = planeOf([BUDGET]);
    let isSilent: (() => void) | undefined;
    const silence = new Promise<void>((resolve) => {
      isSilent = resolve;
    });
    const model = slowModel(() => {
      isSilent?.();
      return new Promise(() => undefined);
    });
    const { model: guarded } = govern(plane, WHO, { model });
    const { stream } = await guarded.doStream({
      prompt: [{ role: "user", content: [{ type: "text", text: "go" }] }],
    });
    const reader = stream.getReader();
    await reader.read();
    await reader.read();
    await reader.read();
    const waiting = reader.read();
    await silence;
    await reader.cancel();
    await waiting;
    const [state] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
    expect(state).toMatchObject({ held: 0 });
  });
});

describe("a provider that has not answered yet", () => {
  it.each(["generate", "stream"] as const)(
    "is told at once when its agent is unplugged (%s)",
    async (how) => {
      const plane = planeOf([BUDGET]);
      const model = new ScriptedModel([]);
      const reasons: unknown[] = [];
      const waiting = async ({ abortSignal }: LanguageModelV4CallOptions): Promise<never> => {
        const cut = new Promise<never>((_answer, reject) => {
          abortSignal?.addEventListener("abort", () => {
            reasons.push(abortSignal.reason);
            reject(new Error("cut off"));
          });
        });
        await plane.controls.unplug({ kind: "agent", id: "a" }, { by: "olga", reason: "stop" });
        return cut;
      };
      model.doGenerate = waiting;
      model.doStream = waiting;
      const settings = govern(plane, WHO, { model, prompt: "go", maxRetries: 0 });
      if (how === "generate") await generateText(settings).catch(() => undefined);
      else await streamText({ ...settings, onError: () => undefined }).consumeStream();
      expect(reasons).toHaveLength(1);
      const [used] = await plane.limits.read({ policyId: "b", ruleId: "tokenBudget", agent: "a" });
      expect(used?.held).toBe(0);
    },
  );
});
