import { deepStrictEqual } from "node:assert/strict";

import type { JsonObject, JsonValue } from "../../base/json.ts";
import type { PlaneOptions } from "../../plane-options.ts";
import type { AdapterDriver, AgentRun } from "../adapter-driver.ts";
import { scenario, type Scenario } from "./scenario.ts";
import { call, calling, saying } from "./script-parts.ts";
import { createWorld, type RunOptions } from "./world.ts";

const INPUT: JsonObject = { id: "o1", list: [1, null, { deep: "ü", empty: "" }], isTrue: true };
const RESULT: JsonObject = { order: "o1", items: [{ price: 1.5 }, null], note: 'key: ünïcödé "quoted"' };

/** A plane that allows everything is not there: every run is compared with one without any adapter. */
export const passthroughScenarios: readonly Scenario[] = [
  scenario("passthrough.plain", [], (driver) => expectUnchanged(driver)),
  scenario("passthrough.stream", ["model", "stream"], (driver) =>
    expectUnchanged(driver, { run: { isStreaming: true } }),
  ),
  scenario("passthrough.error", [], (driver) =>
    expectUnchanged(driver, {
      answer: () => {
        throw new TypeError("the order has no owner");
      },
    }),
  ),
  scenario("passthrough.shadow", [], (driver) => {
    const blocking = [
      { rule: "denylist", tools: ["*"] },
      { rule: "redact", detect: ["key"], fields: ["note"] },
      { rule: "rate", limit: 0, window: "1h" },
    ];
    return expectUnchanged(driver, { plane: { policies: [{ id: "candidate", mode: "shadow", blocking }] } });
  }),
];

interface Variation {
  readonly run?: RunOptions;
  readonly plane?: PlaneOptions;
  readonly answer?: () => JsonValue;
}

async function expectUnchanged(
  driver: AdapterDriver,
  { run = {}, plane = {}, answer = () => RESULT }: Variation = {},
): Promise<void> {
  const play = async (isGoverned: boolean): Promise<unknown> => {
    const world = createWorld(driver, plane);
    const turns = [
      { ...calling(call("c1", "read_order", INPUT)), text: ["I ", "will look"] },
      calling(call("c2", "delete_order"), call("c3", "send_mail")),
      saying("fin", "ish", "ed"),
    ];
    const tools = [world.tool("read_order", answer), world.tool("delete_order"), world.tool("send_mail")];
    const done = await world.run({ turns, tools }, { ...run, ...(!isGoverned && { plane: undefined }) });
    const executions = world.executions.map(({ tool, input }) => ({ tool, input: plainCopy(input) }));
    return { executions, ...visible(done) };
  };
  deepStrictEqual(await play(true), await play(false), "an allow-all plane changed the run");
}

function visible({ status, modelCalls, results, text, pieces, error }: AgentRun): object {
  const failure = error instanceof Error ? `${error.name}: ${error.message}` : error;
  return { status, modelCalls, results, text, pieces, failure };
}

/** Inputs as JSON: what a tool can tell from them, without the identity of objects. */
function plainCopy(input: unknown): unknown {
  return structuredClone(input);
}
