import * as z from "zod/mini";

import { AgentplaneError } from "../../base/errors.ts";
import type { JsonObject } from "../../base/json.ts";
import type { PlaneOptions } from "../../plane-options.ts";
import { defineRule } from "../../rules/rule.ts";
import { memoryState } from "../../store/memory-state.ts";
import type { StateStore } from "../../store/state-store.ts";
import type { AdapterDriver } from "../adapter-driver.ts";
import { expectCount } from "./expectations.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling } from "./script-parts.ts";
import { createWorld } from "./world.ts";

/** What an adapter must not turn into a call: failures of the plane itself. */
export const faultScenarios: readonly Scenario[] = [
  scenario("fault.rule", [], async (driver) => {
    const world = createWorld(driver, {
      rules: [broken],
      policies: [{ id: "broken", blocking: [{ rule: "broken" }] }],
    });
    await world.run({ turns: [calling(call("c1", "send_mail"))], tools: [world.tool("send_mail")] });
    expectCount(world, "send_mail", 0);
  }),
  scenario("fault.context", [], async (driver) => {
    const world = createWorld(driver);
    const turns = [calling(call("c1", "send_mail", tooDeep()))];
    await world.run({ turns, tools: [world.tool("send_mail")] });
    expectCount(world, "send_mail", 0);
  }),
  scenario("fault.store", [], (driver) => {
    const fault = createFault("state_failed");
    return failsMidway(driver, fault, { state: failingState(memoryState(), fault) });
  }),
  scenario("fault.audit", [], (driver) => {
    const fault = createFault("audit_failed");
    const audit = { append: () => fault.check(), flush: () => undefined, close: () => undefined };
    return failsMidway(driver, fault, { audit });
  }),
];

const broken = defineRule({
  kind: "broken",
  summary: "Always throws.",
  timing: "blocking",
  hookpoints: ["before_tool_call"],
  params: z.strictObject({}),
  example: {},
  isStateless: true,
  compile: () => ({
    check() {
      throw new Error("this rule is broken");
    },
  }),
});

function tooDeep(): JsonObject {
  let value: JsonObject = {};
  for (let depth = 0; depth < 200; depth++) value = { id: value };
  return value;
}

/** A failure that can be switched on. */
interface Fault {
  begin(): void;
  /** Throws once the failure has begun. */
  check(): void;
}

function createFault(code: "state_failed" | "audit_failed"): Fault {
  let hasBegun = false;
  return {
    begin() {
      hasBegun = true;
    },
    check() {
      if (hasBegun) throw new AgentplaneError(code, "the backend does not answer");
    },
  };
}

/** A store all of whose operations fail once the fault has begun. */
function failingState(state: StateStore, fault: Fault): StateStore {
  const guarded = <T extends object>(store: T): T =>
    new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: readonly unknown[]): unknown => {
          fault.check();
          return Reflect.apply(member, target, args);
        };
      },
    });
  const { ledger, controls, ladders, approvals, sessions, admissions, versions } = state;
  return {
    ledger: guarded(ledger),
    controls: guarded(controls),
    ladders: guarded(ladders),
    approvals: guarded(approvals),
    sessions: guarded(sessions),
    admissions: guarded(admissions),
    versions: guarded(versions),
    close: () => state.close(),
  };
}

/** The backend fails while the first tool runs: no second one does. */
async function failsMidway(driver: AdapterDriver, fault: Fault, options: PlaneOptions): Promise<void> {
  const world = createWorld(driver, options);
  const begin = world.tool("begin", () => {
    fault.begin();
    return "begun";
  });
  const turns = [calling(call("c1", "begin")), calling(call("c2", "send_mail"))];
  await world.run({ turns, tools: [begin, world.tool("send_mail")] });
  expectCount(world, "begin", 1);
  expectCount(world, "send_mail", 0);
}
