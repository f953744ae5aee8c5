import { rule, type PlaneOptions } from "@agentplane/core";
import { createAsyncIdentity } from "@agentplane/core/node";
import { APICallError, generateObject, generateText, stepCountIs, streamText, ToolLoopAgent } from "ai";
import { describe, expect, it } from "vitest";
import * as z from "zod";

import { govern, guardModel } from "../src/index.ts";
import { countingTool, decisionsOf, planeOf } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const stopWhen = stepCountIs(5);
/** Where a policy of one tenant is no policy of a call that names none. */
const OPTIONS: PlaneOptions = { identity: { trust: ["framework"], optional: ["tenant"] } };
const WHO = { agent: "a", session: "s" };
const of = (tenant: string) => ({ agentplane: { tenant } });

/** A plane on which Acme may not read, with a model that wants to. */
function app(options = OPTIONS) {
  const deny = rule.denylist({ tools: ["read"] });
  const plane = planeOf([{ id: "acme", selector: { tenants: ["acme"] }, blocking: [deny] }], options);
  const decisions = decisionsOf(plane);
  const read = countingTool();
  const model = new ScriptedModel([{ calls: [{ name: "read" }] }]);
  const tenants = (): unknown[] => [...new Set(decisions.map(({ identity }) => identity.tenant))];
  return { plane, read, model, tools: { read: read.tool }, tenants, decisions };
}

describe("who acts, as the options of a call say it", () => {
  it.each(["generate", "stream"] as const)(
    "is one for the model and the tools of an agent that is called with them: %s",
    async (how) => {
      const { plane, model, tools, read, tenants } = app();
      const agent = new ToolLoopAgent(govern(plane, WHO, { model, tools }));
      // As an application would call it: the settings of a call take the place of the agent's.
      const call = { prompt: "go", providerOptions: of("acme") } as { readonly prompt: string };
      if (how === "generate") await agent.generate(call);
      else await (await agent.stream(call)).consumeStream();
      expect(read.runs).toEqual([]);
      expect(tenants()).toEqual(["acme"]);
    },
  );

  it("stays what govern was given where a call has options for the provider alone", async () => {
    const { plane, model, tools, read, tenants } = app();
    const agent = new ToolLoopAgent(govern(plane, WHO, { model, tools, providerOptions: of("acme") }));
    const call = { prompt: "go", providerOptions: { openai: { store: false } } } as {
      readonly prompt: string;
    };
    await agent.generate(call);
    expect(read.runs).toEqual([]);
    expect(tenants()).toEqual(["acme"]);
    expect(model.requests[0]?.providerOptions).toEqual({ openai: { store: false } });
  });

  const conflict = { decision: { cause: "identity_conflict" } };

  it("is not replaced by who calls an agent", async () => {
    const { plane, model, tools } = app();
    const agent = new ToolLoopAgent(govern(plane, WHO, { model, tools, providerOptions: of("acme") }));
    const call = { prompt: "go", providerOptions: of("globex") } as { readonly prompt: string };
    await expect(agent.generate(call)).rejects.toMatchObject(conflict);
    expect(model.requests).toEqual([]);
  });

  it.each([
    ["another", of("acme"), of("globex")],
    ["one where the run has none", undefined, of("globex")],
    ["another user", { agentplane: { user: "ann" } }, { agentplane: { user: "bob" } }],
    ["another session", undefined, { agentplane: { session: "other" } }],
  ])("is not replaced by what prepares a step: %s", async (_, providerOptions, step) => {
    const { plane, model, decisions } = app();
    const settings = () => ({
      ...govern(plane, WHO, {
        model,
        prompt: "go",
        ...(providerOptions !== undefined && { providerOptions }),
        prepareStep: () => ({ providerOptions: step }),
      }),
      stopWhen,
    });
    await expect(generateText(settings())).rejects.toMatchObject(conflict);
    const { finishReason } = streamText(settings());
    expect(await finishReason).toBe("content-filter");
    expect(model.requests).toEqual([]);
    expect(decisions.filter(({ decision }) => decision.cause === "identity_conflict")).toHaveLength(2);
  });

  it("may be said again by a step of a run in which nobody may say it, and counts for nothing", async () => {
    const { plane, model, tenants } = app({ identity: { optional: ["tenant"] } });
    const prepareStep = () => ({ providerOptions: of("globex") });
    await generateText(
      govern(plane, WHO, { model, prompt: "go", providerOptions: of("globex"), prepareStep }),
    );
    expect(tenants()).toEqual([undefined]);
  });

  it("may be said again by a step, and by a call what the application has said", async () => {
    const { plane, model, tenants } = app();
    await generateText(
      govern(plane, WHO, {
        model,
        prompt: "go",
        providerOptions: of("globex"),
        prepareStep: () => ({ providerOptions: of("globex") }),
      }),
    );
    const said = govern(plane, { ...WHO, tenant: "globex" }, { model: new ScriptedModel([{ text: "{}" }]) });
    await generateObject({ ...said, schema: z.object({}), prompt: "go", providerOptions: of("globex") });
    expect(tenants()).toEqual(["globex"]);
  });
});

it("an attempt that a provider refused is not gone on with by another tenant who says the same", async () => {
  const who = createAsyncIdentity();
  const limits = [
    rule.rate({ limit: 9, window: "1h", per: "tenant" }),
    rule.tokenBudget({ maxTokens: 100_000, window: "1h", per: "tenant" }),
  ];
  const selector = { hookpoints: ["before_model_call"] };
  const plane = planeOf([{ id: "p", selector, blocking: limits }], {
    identity: { current: who.current, trust: ["async"] },
  });
  const busy = new APICallError({
    message: "busy",
    url: "http://127.0.0.1",
    requestBodyValues: {},
    statusCode: 429,
  });
  const model = guardModel(plane, { agent: "a" }, new ScriptedModel([{ error: busy }]));
  const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: "hello" }] }];
  const call = (tenant: string) => who.run({ tenant }, async () => model.doGenerate({ prompt }));
  await expect(call("acme")).rejects.toBe(busy);
  await call("globex");
  await call("acme");
  for (const tenant of ["acme", "globex"])
    for (const [ruleId, used] of [
      ["rate", 1],
      ["tokenBudget", 30],
    ] as const)
      // oxlint-disable-next-line no-await-in-loop -- one limit after the other
      expect(await plane.limits.read({ policyId: "p", ruleId, tenant })).toMatchObject([{ used, held: 0 }]);
});
