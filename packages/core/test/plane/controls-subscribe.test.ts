import { expect, test } from "vitest";

import { createAgentPlane } from "../../src/plane.ts";
import { memoryState } from "../../src/store/memory-state.ts";

test("tells of plugs and modes that another process changes, until it is ended", async () => {
  const state = memoryState();
  const [here, there] = [createAgentPlane({ state }), createAgentPlane({ state })];
  let count = 0;
  const end = here.controls.subscribe(() => count++);
  await there.controls.unplug({ kind: "tool", id: "wipe" }, { by: "olga", reason: "x" });
  expect(count).toBe(1);
  await there.controls.degrade({ kind: "global" }, "READ_ONLY", { by: "olga" });
  expect(count).toBe(2);
  end();
  await there.controls.plug({ kind: "tool", id: "wipe" }, { by: "olga" });
  expect(count).toBe(2);
  await here.close();
});
