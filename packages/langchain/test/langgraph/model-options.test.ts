import { ConfigError } from "@agentplane/core";
import { expect, it } from "vitest";

import { guardModel } from "../../src/langgraph.ts";
import { planeOf } from "../governed-agent.ts";
import { ScriptedChatModel } from "../scripted-chat-model.ts";

it.each([
  ["a choice that is none", { onBlock: "error" }, 'use "message" or "throw"'],
  ["an option that does not exist", { onblock: "throw" }, "did you mean onBlock?"],
])("guardModel refuses %s", (_, options, hint) => {
  // What a caller without types may hand in.
  const guard = () => guardModel(planeOf(), { agent: "a" }, new ScriptedChatModel(), options as object);
  expect(guard).toThrow(ConfigError);
  expect(guard).toThrow(hint);
});
