import { ConfigError, createAgentPlane } from "@agentplane/core";
import { expect, test } from "vitest";

import { guardFunctions } from "../src/index.ts";
import { IDENTITY } from "./governed-client.ts";
import { refund } from "./refund-function.ts";

test.each([
  ["a choice that is none", { onPending: "Throw" }, 'use "wait" or "throw"'],
  ["an option that does not exist", { pending: "throw" }, "did you mean onPending?"],
])("guardFunctions refuses %s", (_, options, hint) => {
  // What a caller without types may hand in.
  const guard = () => guardFunctions(createAgentPlane(), IDENTITY, [refund([])], options as object);
  expect(guard).toThrow(ConfigError);
  expect(guard).toThrow(hint);
});
