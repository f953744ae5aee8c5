import assert from "node:assert/strict";

import { createAgentPlane } from "@agentplane/core";
import { govern } from "@agentplane/vercel-ai";
import { ToolLoopAgent } from "ai";

import { done, ORDER_TOOLS } from "./order-tools.ts";
import { StubbornModel } from "./scripted-model.ts";

const plane = createAgentPlane({
  tools: {
    read_order: { access: "read", external: false, safe: true },
    cancel_order: { access: "write", external: false },
  },
});
const model = new StubbornModel();
const agent = new ToolLoopAgent(govern(plane, { agent: "shop-support" }, { model, tools: ORDER_TOOLS }));

await agent.generate({ prompt: "Cancel order o-7." });
assert.deepEqual(done, ["cancelled o-7"]);
console.log(`offered: ${model.offered.join(", ")}`);

// An operator sees something odd. The same agent object, the same process: in force at the next call.
const scope = { kind: "agent", id: "shop-support" } as const;
await plane.controls.degrade(scope, "READ_ONLY", { by: "olga", reason: "orders vanish" });
const { steps } = await agent.generate({ prompt: "Cancel order o-7." });
assert.deepEqual(model.offered, ["read_order"]);
console.log(`offered under READ_ONLY: ${model.offered.join(", ")}`);

// The model calls what it was not offered; the call itself is refused.
assert.equal(done.length, 1, "a tool that writes ran under READ_ONLY");
const refusal = steps[0]?.content.find((part) => part.type === "tool-approval-response");
assert(refusal?.type === "tool-approval-response" && !refusal.approved, "the call was not refused");
console.log(`refused all the same: ${refusal.reason ?? ""}`);

await plane.controls.recover(scope, { by: "olga", reason: "found it" });
await agent.generate({ prompt: "Cancel order o-7." });
assert.equal(done.length, 2);
console.log(`offered again: ${model.offered.join(", ")}`);
await plane.close();
