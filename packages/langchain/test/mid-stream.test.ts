import { rule, type AgentPlane, type Policy } from "@agentplane/core";
import type { LLMResult } from "@langchain/core/outputs";
import { createAgent } from "langchain";
import { describe, expect, it } from "vitest";

import { govern } from "../src/index.ts";
import { planeOf } from "./governed-agent.ts";
import { PiecedModel } from "./pieced-model.ts";
import { textOf, WAYS } from "./shown-streams.ts";

const REDACT: Policy = { id: "r", blocking: [rule.redact({ detect: ["email"] })] };
const AGENT = { kind: "agent", id: "a" } as const;
const PIECES = ["Ask ", "bob@example.com ", "or ", "eve@example.com", " today"].map((content) => ({
  content,
}));

/** What an operator does while an answer is on its way. */
const CHANGES: Readonly<Record<string, (plane: AgentPlane) => unknown>> = {
  "a policy that redacts": (plane) =>
    plane.engine.replaceAll("server", { apiVersion: "agentplane/v1", policies: [REDACT] }),
  FULL_BLOCK: (plane) => plane.controls.degrade(AGENT, "FULL_BLOCK", { by: "mira" }),
};

const changing = (plane: AgentPlane, change: string): PiecedModel =>
  new PiecedModel(PIECES, { before: (at) => (at === 2 ? CHANGES[change]?.(plane) : undefined) });

describe.each(Object.keys(CHANGES))("%s that comes into force while an answer is streamed", (change) => {
  it.each(Object.keys(WAYS).filter((way) => !way.startsWith("a guarded")))(
    "judges the answer as a whole in %s: pieces that were shown before stay shown",
    async (way) => {
      const plane = planeOf();
      const shown = await WAYS[way]?.(plane, changing(plane, change));
      expect(shown?.pieces.map((piece) => textOf(piece, "text")).join("")).toMatch(
        /^Ask bob@example.com or /,
      );
      expect(shown?.answer?.text).toMatch(/^Ask \[EMAIL\] or \[EMAIL\] today$|withheld: mode FULL_BLOCK/);
    },
  );

  it("leaves callback handlers and tracers nothing that was not judged", async () => {
    const plane = planeOf();
    const heard: LLMResult[] = [];
    const handleLLMEnd = (output: LLMResult): void => void heard.push(structuredClone(output));
    const agent = createAgent(govern(plane, { agent: "a" }, { model: changing(plane, change), tools: [] }));
    await agent.invoke({ messages: [{ role: "user", content: "go" }] }, { callbacks: [{ handleLLMEnd }] });
    expect(JSON.stringify(heard)).toMatch(/\[EMAIL\]|FULL_BLOCK/);
    expect(JSON.stringify(heard)).not.toContain("example.com");
  });
});

it("an end that nothing looks at is told as the provider told it", async () => {
  const ends: (LLMResult | undefined)[] = [];
  const told = async (isGoverned: boolean): Promise<void> => {
    const params = { model: new PiecedModel(PIECES, { info: () => ({ logprobs: [1] }) }), tools: [] };
    const agent = createAgent(isGoverned ? govern(planeOf(), { agent: "a" }, params) : params);
    const handleLLMEnd = (output: LLMResult): void => void ends.push(output);
    await agent.invoke({ messages: [{ role: "user", content: "go" }] }, { callbacks: [{ handleLLMEnd }] });
  };
  await told(false);
  await told(true);
  expect(ends[1]?.generations[0]?.[0]?.generationInfo).toEqual({ logprobs: [1] });
  expect(ends[1]).toEqual(ends[0]);
});
