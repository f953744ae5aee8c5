import { PolicyBlocked, rule } from "@agentplane/core";
import { generateText, stepCountIs } from "ai";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { asking, askingPlane, countingTool, decisionsOf, EMAIL, NO_EMAILS, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);

describe("what a provider is told", () => {
  it("is a redacted prompt, in every role and kind of content", async () => {
    const model = new ScriptedModel([]);
    await generateText(
      govern(planeOf([NO_EMAILS]), WHO, {
        model,
        instructions: `system ${EMAIL}`,
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: `user ${EMAIL}` },
              { type: "file", mediaType: "text/plain", data: Buffer.from(`file ${EMAIL}`) },
            ],
          },
          {
            role: "assistant",
            content: [
              { type: "reasoning", text: `thinks ${EMAIL}` },
              { type: "text", text: `says ${EMAIL}` },
              { type: "tool-call", toolCallId: "c1", toolName: "read", input: { mail: EMAIL } },
              { type: "tool-call", toolCallId: "c2", toolName: "read", input: {} },
              { type: "tool-call", toolCallId: "c3", toolName: "read", input: {} },
            ],
          },
          {
            role: "tool",
            content: [
              {
                type: "tool-result",
                toolCallId: "c1",
                toolName: "read",
                output: { type: "json", value: { mail: EMAIL } },
              },
              {
                type: "tool-result",
                toolCallId: "c2",
                toolName: "read",
                output: { type: "error-text", value: `failed for ${EMAIL}` },
              },
              {
                type: "tool-result",
                toolCallId: "c3",
                toolName: "read",
                output: { type: "content", value: [{ type: "text", text: EMAIL }] },
              },
            ],
          },
        ],
      }),
    );
    expect(model.told).toContain("says");
    expect(model.told).not.toContain(EMAIL);
    const [, user] = model.requests[0]?.prompt ?? [];
    const [, file] = typeof user?.content === "string" ? [] : (user?.content ?? []);
    const data = file?.type === "file" && file.data.type === "data" ? file.data.data : "";
    const text = Buffer.from(typeof data === "string" ? Buffer.from(data, "base64") : data).toString();
    expect(text).toMatch(/^file /);
    expect(text).not.toContain(EMAIL);
  });

  it("keeps what is said to the provider beside the words: a signature is no secret", async () => {
    const model = new ScriptedModel([]);
    const providerOptions = { anthropic: { signature: EMAIL } };
    await generateText(
      govern(planeOf([NO_EMAILS]), WHO, {
        model,
        messages: [
          { role: "user", content: EMAIL, providerOptions },
          { role: "assistant", content: [{ type: "reasoning", text: EMAIL, providerOptions }] },
          { role: "user", content: "go" },
        ],
      }),
    );
    const sent = model.requests[0]?.prompt ?? [];
    const parts = sent.flatMap(({ content }): unknown[] => (typeof content === "string" ? [] : [...content]));
    expect(parts).toEqual([
      { type: "text", text: expect.not.stringContaining(EMAIL) },
      { type: "reasoning", text: expect.not.stringContaining(EMAIL), providerOptions },
      { type: "text", text: "go" },
    ]);
    expect(sent[0]?.providerOptions).toEqual(providerOptions);
  });

  it("does not hide what a tool has called providerOptions", async () => {
    const model = new ScriptedModel([]);
    const value = { type: "x", providerOptions: { mail: EMAIL }, data: { type: "data", data: EMAIL } };
    await generateText(
      govern(planeOf([NO_EMAILS]), WHO, {
        model,
        messages: [
          { role: "user", content: "go" },
          {
            role: "assistant",
            content: [{ type: "tool-call", toolCallId: "c1", toolName: "read", input: value }],
          },
          {
            role: "tool",
            content: [
              { type: "tool-result", toolCallId: "c1", toolName: "read", output: { type: "json", value } },
            ],
          },
        ],
      }),
    );
    expect(model.told).not.toContain(EMAIL);
  });

  it("keeps pictures as they are, of any size", async () => {
    const picture = new Uint8Array(6 * 1024 * 1024).fill(7);
    const model = new ScriptedModel([]);
    await generateText(
      govern(planeOf([NO_EMAILS]), WHO, {
        model,
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: EMAIL },
              { type: "file", mediaType: "image/png", data: picture },
            ],
          },
        ],
      }),
    );
    const [message] = model.requests[0]?.prompt ?? [];
    const [text, part] = typeof message?.content === "string" ? [] : (message?.content ?? []);
    expect(JSON.stringify(text)).not.toContain(EMAIL);
    const data = part?.type === "file" && part.data.type === "data" ? part.data.data : undefined;
    expect(data instanceof Uint8Array && Buffer.compare(data, picture) === 0).toBe(true);
  });

  it("is nothing that was meant for the plane", async () => {
    const model = new ScriptedModel([]);
    const plane = planeOf([], { identity: { trust: ["framework"] } });
    const decisions = decisionsOf(plane);
    const read = countingTool();
    const own = new ScriptedModel([{ calls: [{ name: "read" }] }]);
    await generateText({
      ...govern(
        plane,
        { agent: "a" },
        {
          model: own,
          tools: { read: read.tool },
          prompt: "go",
          providerOptions: { agentplane: { tenant: "acme" }, openai: { store: false } },
        },
      ),
      stopWhen,
    });
    expect(own.requests.map(({ providerOptions }) => providerOptions)).toEqual([
      { openai: { store: false } },
      { openai: { store: false } },
    ]);
    expect(decisions.length).toBeGreaterThan(2);
    expect(new Set(decisions.map(({ identity }) => identity.tenant))).toEqual(new Set(["acme"]));
    await generateText(
      govern(plane, WHO, { model, prompt: "go", providerOptions: { agentplane: { tenant: "acme" } } }),
    );
    expect(JSON.stringify(model.requests)).not.toContain("acme");
  });

  it("is not more output than was reserved", async () => {
    const model = new ScriptedModel([]);
    const plane = planeOf([
      { id: "b", blocking: [rule.tokenBudget({ maxTokens: 10_000, window: "1h", maxOutput: 100 })] },
    ]);
    await generateText(govern(plane, WHO, { model, prompt: "go" }));
    await generateText(govern(plane, WHO, { model, prompt: "go", maxOutputTokens: 50 }));
    expect(model.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([100, 50]);
  });
});

it("asks about a tool only where there is one: a policy that asks hides nothing", async () => {
  const model = new ScriptedModel([]);
  await generateText(
    govern(askingPlane([asking("pay")]), WHO, { model, tools: { pay: countingTool().tool }, prompt: "go" }),
  );
  expect(model.offered).toEqual([["pay"]]);
});

it("judges words alone: a signature that looks like an address blocks nothing", async () => {
  const no = rule.piiBlock({ detect: ["email"], channels: ["user"] });
  const plane = planeOf([{ id: "no-people", blocking: [no] }]);
  const providerOptions = { anthropic: { signature: EMAIL } };
  const say = async (text: string): Promise<string> => {
    const messages = [{ role: "user", content: text, providerOptions }] as const;
    const model = new ScriptedModel([]);
    return (await generateText(govern(plane, WHO, { model, messages: [...messages] }))).text;
  };
  expect(await say("go")).toBe("done");
  await expect(say(EMAIL)).rejects.toBeInstanceOf(PolicyBlocked);
});

it("refuses a hook that leaves out messages, or adds some: what would run is not what was decided", async () => {
  for (const input of [
    [],
    [1, 2].map((n) => ({ role: "user", content: [{ type: "text", text: `${n}` }] })),
  ]) {
    const plane = planeOf();
    plane.hooks.on("before_model_call", () => ({ input }));
    const model = new ScriptedModel([]);
    const call = generateText(govern(plane, WHO, { model, prompt: "go" }));
    // oxlint-disable-next-line no-await-in-loop -- one call after the other
    await expect(call).rejects.toMatchObject({ code: "usage_invalid" });
    expect(model.requests).toEqual([]);
  }
});

it("sends nothing of a file whose words a hook took away", async () => {
  const plane = planeOf();
  const part = { type: "file", mediaType: "text/plain" };
  plane.hooks.on("before_model_call", () => ({
    input: [{ role: "user", content: [{ ...part, data: { type: "data" } }] }],
  }));
  const model = new ScriptedModel([]);
  const data = Buffer.from("all of it");
  await generateText(
    govern(plane, WHO, {
      model,
      messages: [{ role: "user", content: [{ type: "file", mediaType: "text/plain", data }] }],
    }),
  );
  const [message] = model.requests[0]?.prompt ?? [];
  expect(message?.content).toEqual([
    expect.objectContaining({ ...part, data: { type: "data", data: new Uint8Array() } }),
  ]);
});
