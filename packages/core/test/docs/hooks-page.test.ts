import { expect, test } from "vitest";

import { callTool, runPlane } from "./page-plane.ts";

const PAGE = "docs/hooks.md";
const callOf = (tool: string, more: object = {}) =>
  ({
    hookpoint: "before_tool_call",
    agent: "support",
    tenant: "acme",
    tool: { name: tool, input: {} },
    ...more,
  }) as const;

test("hooks inject into the input, block, and change the result", async () => {
  const { plane, names } = await runPlane(PAGE, "hooks");
  const query = await callTool(plane, callOf("sql_run"), ({ input }) => input);
  expect(query).toMatchObject({ result: { rows: { tenantId: "acme" }, source: "replica" } });
  const deletion = await callTool(plane, callOf("delete_user", { tags: { env: "prod" } }), () => "deleted");
  expect(deletion).toMatchObject({ status: "blocked", decision: { cause: "hook" } });
  const removeEnrich = names["removeEnrich"];
  if (typeof removeEnrich !== "function") throw new Error("the snippet declares the removal");
  removeEnrich();
  expect(await callTool(plane, callOf("sql_run"), () => 1)).toMatchObject({ result: 1 });
});

test("an attached engine blocks before the action and redacts after it", async () => {
  const { names } = await runPlane(PAGE, "attach");
  // Declared by the snippet, which is type-checked.
  const guardTool = names["guardTool"] as (tool: string, run: () => unknown) => Promise<unknown>;
  const ran: string[] = [];
  await expect(guardTool("delete_user", () => ran.push("delete"))).rejects.toMatchObject({
    name: "PolicyBlocked",
  });
  expect(ran).toEqual([]);
  expect(await guardTool("read_user", () => ({ name: "Ada", ssn: "000-11-2222" }))).toEqual({
    name: "Ada",
    ssn: "[REDACTED]",
  });
});
