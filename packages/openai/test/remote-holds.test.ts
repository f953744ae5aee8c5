import { rule, type OutcomeRecord } from "@agentplane/core";
import { createTestPorts } from "@agentplane/core/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createLatch, governedClient } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { DONE, REQUEST, say, STOP, YES } from "./remote-script.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const MINUTE = 60_000;
const OTHER = { ...REQUEST, id: "r2" };
const BOTH = [REQUEST, YES, OTHER, { ...YES, approval_request_id: "r2" }];

/** Two calls of a remote server that are under way, each with a part of a limit, on a clock that the test moves. */
async function underWay() {
  const outcomes: string[] = [];
  const ports = createTestPorts();
  const budget = rule.timeBudget({ limit: "20m", window: "1h", per: "tenant", estimate: "1m" });
  const { client, plane } = governedClient(provider, {
    ports,
    policies: [{ id: "b", selector: { hookpoints: ["before_tool_call"] }, blocking: [budget] }],
    audit: {
      append: (record) => void (record.kind === "outcome" && outcomes.push(outcomeOf(record))),
      flush: () => undefined,
      close: () => undefined,
    },
  });
  const [arrived, answered] = [createLatch(), createLatch()];
  provider.reset({
    ...DONE,
    before() {
      arrived.open();
      return answered.opened;
    },
  });
  const said = say(client, BOTH);
  await arrived.opened;
  const limit = { policyId: "b", ruleId: "timeBudget", agent: "writer", tenant: "acme" };
  const stateOf = async () => {
    const [{ used, held } = {}] = await plane.limits.read(limit);
    return { used, held };
  };
  return { plane, ports, outcomes, stateOf, said, answer: answered.open };
}

function outcomeOf({ outcome, tool = "model" }: OutcomeRecord): string {
  return `${tool} ${outcome}`;
}

describe("a call on a remote MCP server that takes longer than a hold lasts", () => {
  test("holds its part of every limit until the provider answers", async () => {
    const { plane, ports, outcomes, stateOf, said, answer } = await underWay();
    await ports.clock.advanceAsync(5 * MINUTE);
    expect(await stateOf()).toStrictEqual({ used: 0, held: 2 * MINUTE });
    answer();
    expect((await said).output_text).toBe("done");
    expect(await stateOf()).toStrictEqual({ used: 10 * MINUTE, held: 0 });
    expect(outcomes.toSorted()).toStrictEqual(["model ran", "purge ran", "purge ran"]);
    await plane.close();
  });

  test("holds nothing any more once the connection broke", async () => {
    const { plane, ports, outcomes, stateOf, said } = await underWay();
    await ports.clock.advanceAsync(5 * MINUTE);
    await provider.close();
    await expect(said).rejects.toThrow();
    expect(await stateOf()).toStrictEqual({ used: 10 * MINUTE, held: 0 });
    await ports.clock.advanceAsync(60 * MINUTE);
    expect(outcomes.filter((one) => one.startsWith("purge"))).toStrictEqual(["purge ran", "purge ran"]);
    await plane.close();
    provider = await Provider.start();
  });

  test("gives the answer also where somebody has ended it meanwhile", async () => {
    const { plane, said, answer } = await underWay();
    const admission = plane.guard.admission("r1");
    if (admission === undefined) throw new Error("it is under way");
    await plane.guard.complete(admission, { status: "ran", result: null });
    answer();
    expect((await said).output_text).toBe("done");
    await plane.close();
  });

  test("gives the answer also where its tool was stopped meanwhile", async () => {
    const { plane, ports, outcomes, said, answer } = await underWay();
    await plane.controls.unplug({ kind: "tool", id: "shop/purge" }, STOP);
    await ports.clock.advanceAsync(5 * MINUTE);
    answer();
    expect((await said).output_text).toBe("done");
    expect(outcomes.toSorted()).toStrictEqual(["model ran", "purge withheld", "purge withheld"]);
    await plane.close();
  });
});
