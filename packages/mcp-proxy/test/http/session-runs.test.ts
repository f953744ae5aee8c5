import { memorySink } from "@agentplane/core";
import { expect, test } from "vitest";

import {
  asked,
  begun,
  callOf,
  inSession,
  INITIALIZE,
  json,
  modernCall,
  post,
  proxied,
  scripted,
  SESSION,
  stream,
} from "./proxied.ts";

/** The runs that were decided, with how each ended. */
function runsIn(audit: ReturnType<typeof memorySink>): readonly (string | undefined)[] {
  const records = audit.records();
  return records.flatMap((record) => {
    if (record.kind !== "decision" || record.decision.hookpoint !== "before_agent") return [];
    const end = records.find((one) => one.kind === "outcome" && one.decisionId === record.decision.id);
    return [end?.kind === "outcome" ? end.outcome : undefined];
  });
}

async function served() {
  const audit = memorySink();
  const server = await scripted((got, response) => {
    if (got.method === "DELETE") response.writeHead(200).end();
    else if (!begun(got, response))
      json(response, { jsonrpc: "2.0", id: asked(got).id, result: { content: [] } });
  });
  return { audit, ...(await proxied(server.url, { audit })) };
}

test("over HTTP a session is one run, from initialize until it is ended", async () => {
  const { audit, url } = await served();
  await (await post(url, INITIALIZE)).text();
  await (await post(url, callOf(1, "find"), SESSION)).text();
  await (await post(url, callOf(2, "find"), SESSION)).text();
  expect(runsIn(audit)).toStrictEqual([undefined]);
  await fetch(url, { method: "DELETE", headers: SESSION });
  await expect.poll(() => runsIn(audit)).toStrictEqual(["ran"]);
});

test("without sessions all that one proxy is asked is one run, until it is closed", async () => {
  const { audit, url, proxy } = await served();
  for (const id of [1, 2, 3]) {
    const { message, headers } = modernCall(id, "find");
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await (await post(url, message, headers)).text();
  }
  expect(runsIn(audit)).toStrictEqual([undefined]);
  await proxy.close();
  expect(runsIn(audit)).toStrictEqual(["ran"]);
});

test("a stream that ends with nobody's answer does not keep the proxy from closing", async () => {
  const { url, proxy } = await inSession(
    (one, response) => {
      if (one.method === "GET") stream(response, ": here\n\n");
    },
    [],
    { graceMs: 60_000 },
  );
  const listening = await fetch(url, { headers: { accept: "text/event-stream", ...SESSION } });
  await proxy.close();
  expect(await listening.text()).toBe(": here\n\n");
}, 20_000);
