import { rule, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { request, wiredRelay } from "../wired-relay.ts";

const WORDS = "what is your password";
const NO_QUESTIONS: Policy = {
  id: "no-questions",
  selector: { hookpoints: ["before_elicitation", "before_model_call"] },
  blocking: [rule.condition({ where: { agent: "writer" } })],
};
const QUESTION = { method: "elicitation/create", params: { message: WORDS } };
const ADDRESS = { mode: "url", elicitationId: "e", url: "https://example.org/login", message: WORDS };
const asked = (inputRequests: unknown) => ({
  result: { resultType: "input_required", content: [], inputRequests },
});
const sent = (data: unknown) => ({ error: { code: -32_042, message: "first", data } });

const FORMS: readonly (readonly [string, Record<string, unknown>])[] = [
  ["a list of questions", asked([QUESTION])],
  ["a question that is a list", asked({ q: [QUESTION] })],
  ["a question that is a text", asked({ q: WORDS })],
  ["a question without a method", asked({ q: { params: QUESTION.params } })],
  ["a question whose method is none", asked({ q: { ...QUESTION, method: [QUESTION.method] } })],
  ["a question whose parameters are a list", asked({ q: { ...QUESTION, params: [QUESTION.params] } })],
  ["questions that are a text", asked(WORDS)],
  ["an object of addresses", sent({ elicitations: { e: ADDRESS } })],
  ["a list in a list of addresses", sent({ elicitations: [[ADDRESS]] })],
  ["a list of addresses and nothing around it", sent([ADDRESS])],
];

describe.each(["tools/call", "resources/read", "prompts/get", "tools/list", "ping"])(
  "in an answer to %s",
  (method) => {
    test.each(FORMS)("what a server asks as %s is refused, and it is said why", async (_name, given) => {
      const wired = wiredRelay({ policies: [NO_QUESTIONS] }, { serve: () => given });
      wired.client(request(1, method, { name: "f", uri: "file:///a" }));
      const { error } = (await wired.answer(1)) as { error: { message: string } };
      expect(error.message).toContain("asks in a form that no rule can read");
      expect(wired.toClient.join()).not.toContain(WORDS);
      await wired.plane.close();
    });
  },
);

test.each([
  ["no question", { result: { content: [], inputRequests: null } }],
  ["no address", { error: { code: -32_042, message: "first" } }],
])("an answer with %s passes", async (_name, given) => {
  const wired = wiredRelay({ policies: [NO_QUESTIONS] }, { serve: () => given });
  wired.client(request(1, "tools/call", { name: "f" }));
  expect(await wired.answer(1)).toMatchObject(given);
  await wired.plane.close();
});
