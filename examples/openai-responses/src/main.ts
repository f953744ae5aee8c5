import { createAgentPlane } from "@agentplane/core";
import { govern, guardFunctions, isPolicyError } from "@agentplane/openai";
import { createScanner } from "@agentplane/safety";
import OpenAI from "openai";

import { policies } from "./policies.ts";
import { startProvider } from "./provider.ts";

// A loop over the Responses API: the model is asked, its calls are run, the results go back, until it answers. With a
// key in OPENAI_API_KEY it talks to the real model; without one a provider on this machine plays the part.
const provider = process.env["OPENAI_API_KEY"] === undefined ? await startProvider() : undefined;
const bare = new OpenAI(provider === undefined ? {} : { apiKey: "none", baseURL: provider.baseURL });

const identity = { agent: "support", tenant: "acme", session: "ticket-4711" };
const plane = createAgentPlane({
  policies,
  scanner: createScanner(),
  tools: { refund: { access: "write" } },
  // A human stands by: here one who agrees to whatever is asked.
  approvals: {
    resolver({ id, view }) {
      console.log(`refund ${JSON.stringify(view["input"])} waits for a human`);
      void plane.approvals.approve(id, { by: "olga", role: "operator" });
    },
  },
});
const openai = govern(plane, identity, bare);
const tools = guardFunctions(plane, identity, [
  {
    type: "function" as const,
    name: "refund",
    description: "Pays an order back.",
    strict: false,
    parameters: { type: "object", properties: { order: { type: "string" }, amount: { type: "number" } } },
    async function(input: { readonly amount: number }, _call: { readonly callId: string }): Promise<string> {
      return `refunded ${input.amount}`;
    },
  },
]);

const input: OpenAI.Responses.ResponseInput = [
  { role: "user", content: "mail mira@example.com about order A-17" },
];
for (let turn = 0; turn < 8; turn++) {
  // oxlint-disable-next-line no-await-in-loop -- each turn follows from the one before
  const { output, output_text: text } = await openai.responses.create({ model: "gpt-5-mini", input, tools });
  const calls = output.filter((item) => item.type === "function_call");
  if (calls.length === 0) {
    console.log(`answer: ${text}`);
    break;
  }
  for (const call of calls) {
    const tool = tools.find(({ name }) => name === call.name);
    // oxlint-disable-next-line no-await-in-loop -- calls of one turn run in order
    const result = await tool?.function(JSON.parse(call.arguments), { callId: call.call_id });
    console.log(`${call.name} ${call.arguments} → ${result}`);
    input.push(call, {
      type: "function_call_output",
      call_id: call.call_id,
      output: result ?? "no such tool",
    });
  }
}

await plane.controls.unplug({ kind: "agent", id: "support" }, { by: "olga", reason: "end of the example" });
try {
  await openai.responses.create({ model: "gpt-5-mini", input: "one more" });
} catch (error) {
  if (!isPolicyError(error) || !(error instanceof Error)) throw error;
  console.log(`blocked: ${error.message.replace(/^403 /, "")}`);
}
await plane.close();
provider?.close();
