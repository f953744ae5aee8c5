import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { createAgentPlane } from "@agentplane/core";
import { sqliteState } from "@agentplane/core/node";
import { Agent, RunState } from "@openai/agents";
import { expect, test } from "vitest";

import { govern } from "../../src/agents.ts";
import { ASK, calling, IDENTITY, refundTool, runner } from "./agent-script.ts";

test("a state that two processes resume at once runs the approved call in one of them", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-"));
  const planes = Array.from({ length: 3 }, () => {
    const state = sqliteState({ path: path.join(folder, "state.db") });
    return createAgentPlane({ policies: [ASK], state, approvals: { resolver: "external", key: "of all" } });
  });
  const ran: unknown[] = [];
  const agents = planes.map((plane, at) => {
    const model = at === 0 ? calling(["refund", { amount: 5 }]) : calling();
    return govern(plane, IDENTITY, new Agent({ name: "writer", model, tools: [refundTool(ran)] }));
  });
  const paused = await runner.run(agents[0]!, "go");
  paused.state.approve(paused.interruptions[0]!);
  const saved = paused.state.toString();
  const resumed = agents
    .slice(1)
    .map(async (agent) => runner.run(agent, await RunState.fromString(agent, saved)));
  const texts = (await Promise.all(resumed)).map(({ history }) => JSON.stringify(history));
  expect(ran).toStrictEqual([{ amount: 5 }]);
  expect(texts.filter((text) => text.includes('"Error: '))).toHaveLength(1);
  await Promise.all(planes.map((plane) => plane.close()));
  rmSync(folder, { recursive: true, force: true });
});
