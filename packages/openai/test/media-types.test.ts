import { rule } from "@agentplane/core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { governedClient, MESSAGES, MODEL } from "./governed-client.ts";
import { Provider } from "./provider.ts";
import { chatReply, responsesBody } from "./replies.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const CHAT = (chatReply("mail mira@example.com") as { readonly json: unknown }).json;
const APIS = [
  ["/chat/completions", { model: MODEL, messages: MESSAGES }, CHAT],
  ["/responses", { model: MODEL, input: "hello" }, responsesBody("mail mira@example.com")],
] as const;

test.each(
  APIS.flatMap((api) => ["audio/mpeg", "image/png", "video/mp4"].map((type) => [...api, type] as const)),
)("an answer of %s is redacted, whatever it says it is: %4$s", async (path, body, answer, type) => {
  const policies = [{ id: "r", blocking: [rule.redact({ detect: ["email"] })] }];
  const { client, plane } = governedClient(provider, { policies });
  provider.reset({ bytes: new TextEncoder().encode(JSON.stringify(answer)), type });
  const text = await (await client.post(path, { body }).asResponse()).text();
  expect(text).toContain("mail ");
  expect(text).not.toContain("mira@");
  await plane.close();
});
