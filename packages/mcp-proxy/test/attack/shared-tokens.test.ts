import { rule, type Policy } from "@agentplane/core";
import { expect, test } from "vitest";

import { callOf, wiredRelay } from "../wired-relay.ts";

const MAIL = "mira@example.com";
const REDACT: Policy = {
  id: "privacy",
  selector: { tools: ["secret"] },
  blocking: [rule.redact({ detect: ["email"] })],
};

test.each([[["free", "secret"]], [["secret", "free"]]])(
  "progress under a token of two calls is a part of both, in the order %j",
  async (names) => {
    const wired = wiredRelay({ policies: [REDACT] });
    for (const [at, name] of names.entries()) {
      const call = callOf(at, name);
      Object.assign(call["params"] as object, { _meta: { progressToken: "p" } });
      wired.client(call);
    }
    await wired.asked(2);
    const params = { progressToken: "p", progress: 1, message: `to ${MAIL}` };
    wired.server({ jsonrpc: "2.0", method: "notifications/progress", params });
    await expect.poll(() => wired.toClient.length).toBe(1);
    expect(wired.toClient[0]).toContain("[EMAIL]");
    await wired.plane.close();
  },
);
