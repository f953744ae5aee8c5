import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { createAgentPlane } from "@agentplane/core";
import OpenAI, { AzureOpenAI } from "openai";
import { OpenAIRealtimeWebSocket as BetaRealtimeWebSocket } from "openai/beta/realtime/websocket";
import { OpenAIRealtimeWS as BetaRealtimeWS } from "openai/beta/realtime/ws";
import { OpenAIRealtimeTranslationWS } from "openai/realtime/translations/ws";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { ResponsesWS as BetaResponsesWS } from "openai/resources/beta/responses/ws";
import { ForksWS } from "openai/resources/live/forks/ws";
import { SidebandWS } from "openai/resources/live/sideband/ws";
import { LiveWS } from "openai/resources/live/ws";
import { ResponsesWS } from "openai/resources/responses/ws";
import { afterAll, describe, expect, test, vi } from "vitest";

import { govern } from "../src/index.ts";
import { IDENTITY, MODEL } from "./governed-client.ts";

const plane = createAgentPlane();
afterAll(() => plane.close());

type Open = (client: OpenAI) => unknown;
const CONSENT = { model: MODEL, dangerouslyAllowBrowser: true };

/** Every way to open a WebSocket with a client, by the file that has it. */
const WAYS: Readonly<Record<string, readonly Open[]>> = {
  "beta/realtime/websocket.mjs": [
    (client) => new BetaRealtimeWebSocket(CONSENT, client),
    (client) => BetaRealtimeWebSocket.create(client, CONSENT),
    (client) => BetaRealtimeWebSocket.azure(client as AzureOpenAI, { deploymentName: MODEL }),
  ],
  "beta/realtime/ws.mjs": [
    (client) => new BetaRealtimeWS(CONSENT, client),
    (client) => BetaRealtimeWS.create(client, CONSENT),
    (client) => BetaRealtimeWS.azure(client as AzureOpenAI, { deploymentName: MODEL }),
  ],
  "realtime/translations/ws.mjs": [(client) => OpenAIRealtimeTranslationWS.create(client, { model: MODEL })],
  "realtime/websocket.mjs": [
    (client) => new OpenAIRealtimeWebSocket(CONSENT, client),
    (client) => OpenAIRealtimeWebSocket.create(client, CONSENT),
    (client) => OpenAIRealtimeWebSocket.azure(client as AzureOpenAI, { ...CONSENT, deploymentName: MODEL }),
  ],
  "realtime/ws.mjs": [
    (client) => new OpenAIRealtimeWS(CONSENT, client),
    (client) => OpenAIRealtimeWS.create(client, CONSENT),
    (client) => OpenAIRealtimeWS.azure(client as AzureOpenAI, { deploymentName: MODEL }),
  ],
  "resources/beta/responses/ws.mjs": [(client) => new BetaResponsesWS(client)],
  "resources/live/forks/ws.mjs": [(client) => new ForksWS(client, { session_id: "s" })],
  "resources/live/sideband/ws.mjs": [(client) => new SidebandWS(client, { session_id: "s" })],
  "resources/live/ws.mjs": [(client) => new LiveWS(client)],
  "resources/responses/ws.mjs": [(client) => new ResponsesWS(client)],
};

/** One way refuses other kinds of clients itself. */
const REFUSED = /opens no WebSocket|require an ordinary OpenAI API-key client/;

const AZURE = { apiVersion: "1", deployment: "d", endpoint: "https://127.0.0.1:9" };
const PLAIN = { baseURL: "https://127.0.0.1:9/v1" };
const CLIENTS: Readonly<Record<string, () => OpenAI>> = {
  "of OpenAI": () => new OpenAI({ ...PLAIN, apiKey: "test" }),
  "of OpenAI with a key that is fetched": () => new OpenAI({ ...PLAIN, apiKey: async () => "test" }),
  "of Azure": () => new AzureOpenAI({ ...AZURE, apiKey: "test", dangerouslyAllowBrowser: true }),
  "of Azure with a token that is fetched": () =>
    new AzureOpenAI({ ...AZURE, azureADTokenProvider: async () => "test" }),
};

/** The files of the SDK in which a class opens WebSockets. */
function filesWithSockets(): readonly string[] {
  const root = dirname(createRequire(import.meta.url).resolve("openai"));
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".mjs") && !/^(?:internal|lib)\//.test(file))
    .filter((file) => /\bnew (?:WS\.)?WebSocket\(/.test(readFileSync(join(root, file), "utf8")))
    .toSorted();
}

test("every file of the SDK that opens a WebSocket is known here", () => {
  expect(filesWithSockets()).toStrictEqual(Object.keys(WAYS).toSorted());
});

describe.each(Object.entries(CLIENTS))("a governed client %s", (_name, clientOf) => {
  test.each(Object.entries(WAYS))("opens no WebSocket of %s, nor does its clone", async (_file, ways) => {
    const opened = vi.spyOn(globalThis, "WebSocket");
    const client = govern(plane, IDENTITY, clientOf());
    for (const open of ways) {
      for (const one of [client, client.withOptions({ maxRetries: 1 }), govern(plane, IDENTITY, client)]) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const error = await Promise.resolve()
          .then(() => open(one))
          .then(
            () => undefined,
            (thrown: unknown) => thrown,
          );
        expect(String(error)).toMatch(REFUSED);
      }
    }
    expect(opened).not.toHaveBeenCalled();
    opened.mockRestore();
  });
});
