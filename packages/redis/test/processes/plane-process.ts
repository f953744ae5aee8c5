import { createAgentPlane } from "@agentplane/core";

import { redisState } from "../../src/index.ts";

/** A process of an agent: decides all the time, and tells its parent whenever the answer changes, with the time. */
const [url = "", namespace = ""] = process.argv.slice(2);
const plane = createAgentPlane({ state: redisState({ url, namespace }) });
await plane.ready();

let isAllowed: boolean | undefined;
const decide = async (): Promise<void> => {
  const { effect } = await plane.engine.decide({
    hookpoint: "before_tool_call",
    agent: "worker",
    tool: { name: "search", input: {} },
  });
  const isNow = effect === "allow";
  if (isNow !== isAllowed)
    process.send?.({ isAllowed: isNow, atMs: performance.timeOrigin + performance.now() });
  isAllowed = isNow;
};
const loop = (): void => {
  void decide().finally(() => setTimeout(loop, 0));
};
loop();
process.once("disconnect", () => void plane.close().finally(() => process.exit(0)));
