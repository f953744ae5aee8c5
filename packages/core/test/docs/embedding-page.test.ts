import { expect, test } from "vitest";

import { runPlane } from "./page-plane.ts";
import { runCode, runSnippet } from "./run-snippet.ts";
import { blockOf } from "./markdown-blocks.ts";

const PAGE = "docs/embedding.md";
const echo = (args: unknown): unknown => ({ echoed: args });

test("governed functions run, refuse and require", async () => {
  const { plane, names } = await runPlane(PAGE, "enforce");
  const { refund, safeRefund, paid, refused } = names;
  if (typeof refund !== "function" || typeof safeRefund !== "function")
    throw new Error("the snippet declares both");
  expect(paid).toBe("refunded 20 for o-1");
  expect(refused).toContain("refund");
  expect(refused).not.toBe("refunded 5000 for o-2");
  expect(() => refund("o-2", 5_000)).toThrow(expect.objectContaining({ name: "PolicyBlocked" }));
  expect(safeRefund("o-3", 5)).toBe("refunded 5 for o-3");
  plane.engine.removePolicy("refund-limit");
  expect(() => safeRefund("o-3", 5)).toThrow('requires the policy "refund-limit"');
});

test("Guard hides, runs, redacts and completes", async () => {
  const { names } = await runPlane(PAGE, "guard");
  expect(names["tools"]).toEqual([{ name: "sql_run" }]);
  expect(names["outcome"]).toMatchObject({
    status: "ran",
    result: { ran: { sql: "select 1" }, isCut: false, ssn: "[REDACTED]" },
  });
  expect(names["done"]).toMatchObject({ status: "ran", result: "ok" });
});

test("identity is believed in its order, and nobody contradicts it", async () => {
  const { names } = await runPlane(PAGE, "identity");
  expect(names["found"]).toMatchObject({ status: "ran", result: "found" });
  expect(names["nobody"]).toMatchObject({ status: "blocked", decision: { policyId: "tenants" } });
  expect(names["contradicted"]).toMatchObject({
    status: "blocked",
    decision: { cause: "identity_conflict" },
  });
});

test("a stream gives nothing away between two chunks", async () => {
  const { text } = await runSnippet(PAGE, "stream");
  expect(text).toBe("Write to [EMAIL] today.");
});

test("the three files of an adapter fit together", async () => {
  const parts = ["context", "enforce", "interception"].map(
    (id) => blockOf(PAGE, `snippet: adapter-${id}`).code,
  );
  const plain = parts.join("\n").replaceAll(/^export /gm, "");
  const names = await runCode(`import { createAgentPlane, rule } from "@agentplane/core";
${plain}
const plane = createAgentPlane({ policies: [{ id: "no", blocking: [rule.denylist({ tools: ["delete_*"] })] }] });
const governed = governTools(plane, { agent: "support" });`);
  // Types of the parts are checked where they stand.
  const governed = names["governed"] as (
    call: { id: string; toolName: string; args: unknown },
    next: (args: unknown) => unknown,
  ) => Promise<{ content: unknown; isError: boolean }>;
  expect(await governed({ id: "1", toolName: "read", args: { a: 1 } }, echo)).toEqual({
    content: { echoed: { a: 1 } },
    isError: false,
  });
  expect(await governed({ id: "2", toolName: "delete_all", args: {} }, echo)).toMatchObject({
    isError: true,
  });
});
