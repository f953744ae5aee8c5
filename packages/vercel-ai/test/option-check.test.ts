import { ConfigError } from "@agentplane/core";
import { customProvider, generateText } from "ai";
import { expect, it } from "vitest";

import {
  govern,
  guardApproval,
  guardEmbeddingModel,
  guardImageModel,
  guardModel,
  guardProvider,
  guardTools,
  registerGlobal,
} from "../src/index.ts";
import { planeOf, WHO } from "./planes.ts";
import { ScriptedModel } from "./scripted-model.ts";

const plane = planeOf();
const model = new ScriptedModel([]);
/** As JavaScript may call it. */
const misspelt = (members: object): never => members as never;

it("refuses a misspelt member of an identity: the call would be judged as nobody's", () => {
  const who = misspelt({ agent: "a", tennant: "acme" });
  expect(() => govern(plane, who, { model })).toThrow(/tennant/);
  expect(() => guardModel(plane, who, model)).toThrow(ConfigError);
  expect(() => guardTools(plane, who, {})).toThrow(ConfigError);
  expect(() => guardApproval(plane, who)).toThrow(ConfigError);
  expect(() => guardEmbeddingModel(plane, who, "some/model")).toThrow(ConfigError);
  expect(() => guardImageModel(plane, who, "some/model")).toThrow(ConfigError);
  expect(() => guardProvider(plane, who, customProvider({}))).toThrow(
    /guardProvider: .*did you mean "tenant"/s,
  );
  expect(() => registerGlobal(plane, who)).toThrow(/registerGlobal: .*did you mean "tenant"/s);
});

it("refuses an empty name in an identity", () => {
  expect(() => govern(plane, { agent: "" }, { model })).toThrow("identity.agent: is no name");
  expect(() => guardTools(plane, { agent: "a", approver: "" }, {})).toThrow("identity.approver: is no name");
});

it("refuses a misspelt member of what a call says of who acts", async () => {
  const providerOptions = { agentplane: { tenantId: "acme" } };
  const guarded = guardModel(plane, WHO, model);
  await expect(
    generateText({ model: guarded, prompt: "hi", providerOptions, maxRetries: 0 }),
  ).rejects.toThrow('providerOptions.agentplane has no "tenantId"; use tenant, user or session');
});

it("refuses a misspelt option or choice, and names what there is", () => {
  expect(() => govern(plane, WHO, { model }, misspelt({ onDenid: "throw" }))).toThrow(/onDenid.*onDenied/s);
  expect(() => guardModel(plane, WHO, model, misspelt({ onDenied: "thorw" }))).toThrow(/thorw.*throw/s);
  expect(() => guardModel(plane, WHO, model, misspelt({ maxRetry: 1 }))).toThrow(ConfigError);
  expect(() => guardTools(plane, WHO, {}, misspelt({ serber: "github" }))).toThrow(ConfigError);
  expect(() => guardApproval(plane, WHO, misspelt({ approval: {} }))).toThrow(ConfigError);
  expect(() => guardEmbeddingModel(plane, WHO, "some/model", misspelt({ retries: 1 }))).toThrow(ConfigError);
  expect(() => guardImageModel(plane, WHO, "some/model", misspelt({ retries: 1 }))).toThrow(ConfigError);
});
