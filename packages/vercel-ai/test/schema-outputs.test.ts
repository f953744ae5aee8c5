import * as sdk from "ai";
import { generateText, stepCountIs, tool, type ModelMessage, type ToolSet } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern } from "../src/index.ts";
import { answered, asked, call } from "./approval-chat.ts";
import { denying, planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
/** Older versions take what a schema has made for what it was given, and refuse every answer. */
const isKept = "experimental_createSteering" in sdk;

const MADE: Readonly<Record<string, (text: string) => unknown>> = {
  "a date": (text) => new Date(text),
  "a map": (text) => new Map([[text, 1]]),
  "a bigint": (text) => BigInt(text.slice(0, 4)),
  "an address": (text) => new URL(`https://example.org/${text}`),
};

/** The history with another input, as an application could get it that keeps more than JSON. */
function withInput(history: readonly ModelMessage[], n: string, make: (text: string) => unknown) {
  return history.map((message) =>
    message.role !== "assistant" || typeof message.content === "string"
      ? message
      : {
          ...message,
          content: message.content.map((part) => {
            if (part.type === "tool-call") return { ...part, input: { n: make(n) } };
            return part.type === "tool-approval-request" ? { ...part, inputSchemaInput: { n } } : part;
          }),
        },
  );
}

describe("what a schema makes of an input", () => {
  it.each(Object.entries(MADE))(
    "reaches the tool as it is where a plane may pass it on: %s",
    async (what, make) => {
      for (const [policies, options] of [
        [[], {}],
        [[denying("other")], {}],
        [[denying("other")], { onOpaque: "allow" }],
      ] as const) {
        const got: unknown[] = [];
        const read = tool({
          inputSchema: z.object({ n: z.string().transform(make) }),
          execute: async ({ n }) => void got.push(n),
        });
        const model = new ScriptedModel([{ calls: [{ name: "read", input: { n: "2026-01-01" } }] }]);
        // oxlint-disable-next-line no-await-in-loop -- one plane after the other
        const { steps } = await generateText({
          ...govern(planeOf(policies, options), WHO, { model, tools: { read }, prompt: "go" }),
          stopWhen,
        });
        const isPassed = policies.length === 0 || "onOpaque" in options || what === "a date";
        expect(got).toEqual(isPassed ? [make("2026-01-01")] : []);
        expect(JSON.stringify(steps[0]?.response.messages.at(-1)).includes("not JSON")).toBe(!isPassed);
      }
    },
  );

  it.runIf(isKept).each(Object.entries(MADE))(
    "is what a yes was given for, and nothing else of its kind: %s",
    async (what, make) => {
      const got: unknown[] = [];
      const pay = tool({
        inputSchema: z.object({ n: z.string().transform(make) }),
        needsApproval: true,
        execute: async ({ n }) => void got.push(n),
      });
      const chat = { plane: planeOf([], { onOpaque: "allow" }), tools: { pay } as ToolSet };
      const model = new ScriptedModel([{ calls: [{ id: "c1", name: "pay", input: { n: "2026-01-01" } }] }]);
      const history = answered(await asked(chat, model));
      await call(chat, withInput(history, "2030-12-31", make));
      expect(got).toEqual([]);
      await call(chat, history);
      await call(chat, history);
      // What could be exchanged for another one of its kind is not known as asked about.
      const isKnown = what === "a date" || what === "a bigint";
      expect(got).toEqual(isKnown ? [make("2026-01-01")] : []);
    },
  );
});
