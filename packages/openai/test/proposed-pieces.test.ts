import { rule, type Policy } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFunctions } from "../src/index.ts";
import { collected, governedClient, IDENTITY, MESSAGES, MODEL, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { data } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const NO_WIPE: Policy = {
  id: "no-wipe",
  selector: { hookpoints: ["before_tool_call"] },
  blocking: [rule.denylist({ tools: ["wipe"] })],
};
const chat = { model: MODEL, messages: MESSAGES };

describe("a call that the model proposes", () => {
  const chunk = (delta: object): string => data({ choices: [{ index: 0, delta, finish_reason: null }] });
  const call = (id: string, name: string, input: unknown = "{}"): object => ({
    index: 0,
    id,
    type: "function",
    function: { name, arguments: input },
  });
  test.each([
    ["a second call under the index of the first", [[call("a", "find")], [call("b", "wipe")]]],
    [
      "a name that comes after its input",
      [[{ index: 0, function: { arguments: "{}" } }], [{ index: 0, function: { name: "wipe" } }]],
    ],
    ["another name for the same call", [[call("a", "find")], [{ index: 0, function: { name: "wipe" } }]]],
  ])("is judged in a stream: %s", async (_name, pieces) => {
    const { client, plane } = governedClient(provider, { policies: [NO_WIPE] });
    provider.reset({ stream: pieces.map((tool_calls) => chunk({ tool_calls })) });
    const error = await rejected(
      client.chat.completions.create({ ...chat, stream: true }).then((stream) => collected(stream)),
    );
    expect(error).toMatchObject({ code: "agentplane_blocked" });
    await plane.close();
  });

  test("is judged beside a call of another kind", async () => {
    const { client, plane } = governedClient(provider, { policies: [NO_WIPE] });
    provider.reset({
      stream: [
        chunk({ tool_calls: [call("a", "find")] }),
        chunk({ function_call: { name: "wipe", arguments: "{}" } }),
      ],
    });
    const error = await rejected(
      client.chat.completions.create({ ...chat, stream: true }).then((stream) => collected(stream)),
    );
    expect(error).toMatchObject({ code: "agentplane_blocked" });
    await plane.close();
  });

  test.each([true, false])("is judged by an input that is no text (stream: %s)", async (stream) => {
    const policy: Policy = {
      id: "small",
      selector: { hookpoints: ["before_tool_call"] },
      blocking: [rule.condition({ where: { tool: "refund", input: { amount: { gt: 100 } } } })],
      onError: "allow",
    };
    const { client, plane } = governedClient(provider, { policies: [policy] });
    const tool_calls = [call("a", "refund", { amount: 900 })];
    provider.reset(
      stream ? { stream: [chunk({ tool_calls })] } : { json: { choices: [{ message: { tool_calls } }] } },
    );
    const asked = stream
      ? client.chat.completions.create({ ...chat, stream }).then((events) => collected(events))
      : client.chat.completions.create(chat);
    expect(await rejected(asked)).toMatchObject({ code: "agentplane_blocked" });
    await plane.close();
  });

  test("is judged where another agent guards a function of the same name", async () => {
    const { client, plane } = governedClient(provider, { policies: [NO_WIPE] });
    guardFunctions(plane, { ...IDENTITY, agent: "other" }, [
      { type: "function", function: { name: "wipe", function: async () => "wiped" } },
    ]);
    provider.reset({ json: { choices: [{ message: { tool_calls: [call("a", "wipe")] } }] } });
    expect(await rejected(client.chat.completions.create(chat))).toMatchObject({
      code: "agentplane_blocked",
    });
    await plane.close();
  });
});
