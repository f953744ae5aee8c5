import { expect, test } from "vitest";

import { rule } from "../../src/rules/rule-factory.ts";
import { blocking, createBench, modelCall, toolCall } from "./bench.ts";

test.each(["bot", "constructor", "__proto__"])(
  "a loop is stopped also where other calls came between more than a history keeps: %s",
  async (agent) => {
    const { plane } = createBench({ policies: [blocking("p", [rule.loop({ maxIterations: 3 })])] });
    const effects: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      effects.push((await plane.engine.decide(modelCall({ agent }))).effect);
      for (let call = 0; call < 400; call++)
        // oxlint-disable-next-line no-await-in-loop -- as above
        await plane.engine.decide(toolCall("search", { turn, call }, { agent }));
    }
    expect(effects).toEqual(["allow", "allow", "allow", "block"]);
    // Another agent's turns are its own.
    expect(await plane.engine.decide(modelCall({ agent: "other" }))).toMatchObject({ effect: "allow" });
  },
);
