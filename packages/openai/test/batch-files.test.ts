import { createAgentPlane, rule, type PlaneOptions } from "@agentplane/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { guardFetch, isPolicyError } from "../src/index.ts";
import { governedClient, IDENTITY, rejected } from "./governed-client.ts";
import { Provider } from "./provider.ts";

let provider: Provider;
beforeAll(async () => void (provider = await Provider.start()));
afterAll(() => provider.close());

const SPENDING: PlaneOptions = {
  policies: [{ id: "spend", blocking: [rule.tokenBudget({ maxTokens: 9, window: "1h", per: "tenant" })] }],
};
/** It concerns no model call. */
const OF_TOOLS: PlaneOptions = {
  policies: [
    {
      id: "tools",
      selector: { hookpoints: ["before_tool_call"] },
      blocking: [rule.denylist({ tools: ["wipe"] })],
    },
  ],
};
const LINES = '{"custom_id":"1","method":"POST","url":"/v1/responses","body":{"input":"mira@example.com"}}';

function batchFile(): File {
  return new File([LINES], "batch.jsonl");
}

describe("a file for a batch", () => {
  test("is refused where a policy concerns model calls: the file, and an upload in parts", async () => {
    const { client, plane } = governedClient(provider, SPENDING);
    provider.reset({ json: { id: "file_1" } });
    const upload = {
      purpose: "batch" as const,
      bytes: 9,
      filename: "b.jsonl",
      mime_type: "application/jsonl",
    };
    for (const sent of [
      client.files.create({ purpose: "batch", file: batchFile() }),
      client.uploads.create(upload),
    ]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await rejected(sent);
      expect(isPolicyError(error)).toBe(true);
      expect(String(error)).toContain("a file for a batch is a list of model calls");
    }
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });

  test.each<[string, PlaneOptions, "batch" | "user_data"]>([
    ["where no policy concerns model calls", OF_TOOLS, "batch"],
    ["which is for something else", SPENDING, "user_data"],
  ])("passes untouched %s", async (_name, options, purpose) => {
    const { client, plane } = governedClient(provider, options);
    provider.reset({ json: { id: "file_1" } });
    await client.files.create({ purpose, file: batchFile() });
    expect(provider.last.text).toContain(LINES);
    await plane.close();
  });

  test("passes where the application lists it", async () => {
    const { client, plane } = governedClient(provider, SPENDING, { passthrough: ["/files"] });
    provider.reset({ json: { id: "file_1" } });
    await client.files.create({ purpose: "batch", file: batchFile() });
    expect(provider.seen).toHaveLength(1);
    await plane.close();
  });

  test.each(["before_model_call", "after_model_call"] as const)(
    "is not shown, nor sent, where a hook runs %s",
    async (hookpoint) => {
      const { client, plane } = governedClient(provider);
      plane.hooks.on(hookpoint, () => undefined);
      provider.reset({ json: { custom_id: "1", response: {} } });
      expect(isPolicyError(await rejected(client.files.content("f1")))).toBe(true);
      const sent = client.files.create({ purpose: "batch", file: batchFile() });
      // What is sent is a list of calls; what came of them is in the file that is read.
      const isSent = await sent.then(
        () => true,
        () => false,
      );
      expect(isSent).toBe(hookpoint === "after_model_call");
      await plane.close();
    },
  );

  test("is refused once the agent is stopped, though no policy speaks", async () => {
    const { client, plane } = governedClient(provider);
    provider.reset({ json: { id: "file_1" } });
    await plane.controls.unplug({ kind: "agent", id: "writer" }, { reason: "stop", by: "olga" });
    expect(isPolicyError(await rejected(client.files.create({ purpose: "batch", file: batchFile() })))).toBe(
      true,
    );
    await plane.close();
  });
});

function formOf(...purposes: readonly string[]): FormData {
  const form = new FormData();
  for (const purpose of purposes) form.append("purpose", purpose);
  form.append("file", batchFile());
  return form;
}

async function bytesOf(form: FormData): Promise<RequestInit> {
  const encoded = new Response(form);
  const type = encoded.headers.get("content-type") ?? "";
  return { body: await encoded.arrayBuffer(), headers: { "content-type": type } };
}

describe("a file for a batch is found", () => {
  test.each<[string, () => Promise<RequestInit>]>([
    ["in a form that says two purposes", async () => ({ body: formOf("user_data", "Batch ") })],
    ["in a form that is written already", () => bytesOf(formOf("batch"))],
    [
      "in a stream, which nobody can read twice",
      async () => ({ body: new Blob([LINES]).stream(), duplex: "half" }),
    ],
    ["in something that is no form", async () => ({ body: "purpose=batch" })],
  ])("%s", async (_name, bodyOf) => {
    const plane = createAgentPlane(SPENDING);
    let sent = 0;
    const fetch = guardFetch(plane, IDENTITY, { fetch: async () => (sent++, Response.json({})) });
    const init = await bodyOf();
    const url = `${provider.url}/files`;
    for (const answer of [
      await fetch(url, { method: "POST", ...init }),
      ...(init.body instanceof ReadableStream
        ? []
        : [await fetch(new Request(url, { method: "POST", ...init }))]),
    ])
      expect(answer.status).toBe(403);
    expect(sent).toBe(0);
    await plane.close();
  });

  test("and what is for something else passes as it was, also as a request", async () => {
    const plane = createAgentPlane(SPENDING);
    const seen: string[] = [];
    const fetch = guardFetch(plane, IDENTITY, {
      async fetch(input, init) {
        seen.push(await new Response(input instanceof Request ? input.body : init?.body).text());
        return Response.json({});
      },
    });
    const init = await bytesOf(formOf("vision"));
    await fetch(`${provider.url}/files`, { method: "POST", ...init });
    await fetch(new Request(`${provider.url}/files`, { method: "POST", ...init }));
    expect(seen).toHaveLength(2);
    expect(seen.every((body) => body.includes(LINES))).toBe(true);
    await plane.close();
  });
});

describe("a file that is read", () => {
  const ANSWER =
    '{"id":"b1","custom_id":"1","response":{"body":{"output":"mira@example.com"}},"error":null}\n';
  const BINARY = "application/octet-stream";
  const AFTER: PlaneOptions = {
    policies: [
      {
        id: "after",
        selector: { hookpoints: ["after_model_call"] },
        blocking: [rule.redact({ fields: ["output"], from: ["response"] })],
      },
    ],
  };
  const bodies: readonly (readonly [string, Uint8Array[]])[] = [
    ["in one piece", [Buffer.from(ANSWER + ANSWER)]],
    ["byte by byte", Array.from(Buffer.from(`\n${ANSWER}`), (byte) => Uint8Array.of(byte))],
    ["with a long first line", [Buffer.from(ANSWER.replace("mira", "m".repeat(200_000)))]],
  ];

  test.for(bodies)("is not shown where it holds the answers of a batch: %s", async ([, body]) => {
    for (const options of [SPENDING, AFTER]) {
      const { client, plane } = governedClient(provider, options);
      provider.reset({ stream: body, type: BINARY });
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const error = await rejected(client.files.content("f1"));
      expect(isPolicyError(error)).toBe(true);
      expect(String(error)).toContain("answers of a batch");
      // oxlint-disable-next-line no-await-in-loop
      await plane.close();
    }
  });

  test.each<[string, string, ResponseInit]>([
    ["a part of it does not tell", "/files/f1/content", { status: 206 }],
    ["it comes through a gateway", "/containers/gateway/v1/files/f1/content", {}],
  ])("is not shown where %s", async (_name, path, init) => {
    const plane = createAgentPlane(SPENDING);
    const body = init.status === 206 ? ANSWER.slice(30) : ANSWER;
    const fetch = guardFetch(plane, IDENTITY, { fetch: async () => new Response(body, init) });
    expect((await fetch(`${provider.url}${path}`)).status).toBe(403);
    await plane.close();
  });

  test.each<[string, PlaneOptions, string]>([
    ["no policy concerns model calls", OF_TOOLS, ANSWER],
    ["it is another file", SPENDING, `${"x".repeat(100_000)}\u0000\n${ANSWER}`],
    ["it is what a batch was made of", SPENDING, `${LINES}\n`],
    ["it is empty", SPENDING, ""],
  ])("comes untouched where %s", async (_name, options, text) => {
    const { client, plane } = governedClient(provider, options);
    const half = Math.ceil(text.length / 2);
    const stream = [text.slice(0, half), text.slice(half)];
    provider.reset({ stream, type: BINARY });
    expect(await (await client.files.content("f1")).text()).toBe(text);
    await plane.close();
  });

  test("comes untouched where the application lists it", async () => {
    const { client, plane } = governedClient(provider, SPENDING, { passthrough: ["/content"] });
    provider.reset({ stream: [ANSWER], type: BINARY });
    expect(await (await client.files.content("f1")).text()).toBe(ANSWER);
    await plane.close();
  });

  test("is not asked for where Anthropic keeps the answers of a batch there", async () => {
    const { client, plane } = governedClient(provider, SPENDING);
    provider.reset({ json: {} });
    expect(isPolicyError(await rejected(client.get("/messages/batches/b1/results")))).toBe(true);
    expect(provider.seen).toHaveLength(0);
    await plane.close();
  });
});
