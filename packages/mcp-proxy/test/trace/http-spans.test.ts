import { expect, test } from "vitest";

import { callOf, inSession, json, post, SESSION } from "../http/proxied.ts";
import { PARENT_ID, recorded, TRACE_ID, TRACEPARENT } from "./recorded.ts";

const RESULT = { content: [] };

test("over HTTP the header's context is the parent where the message has none, and the server gets the span's", async () => {
  const { tracer, spans } = recorded();
  const { url, got } = await inSession(
    ({ body }, response) => {
      // The body is the test's own.
      const { id } = JSON.parse(body) as { id: number };
      json(response, { jsonrpc: "2.0", id, result: RESULT });
    },
    [],
    { tracer },
  );
  const headers = { ...SESSION, traceparent: TRACEPARENT, tracestate: "rojo=1" };
  await (await post(url, callOf(1, "find"), headers)).text();
  const span = spans().at(-1);
  expect(span?.parentSpanContext).toMatchObject({ traceId: TRACE_ID, spanId: PARENT_ID });
  expect(got.at(-1)?.headers).toMatchObject({
    traceparent: `00-${TRACE_ID}-${span?.spanContext().spanId}-01`,
    tracestate: "rojo=1",
  });
  expect(got.at(-1)?.body).not.toContain("traceparent");
  // What the message says of itself counts before what carries it.
  const message = callOf(2, "find");
  const own = `00-${"ab".repeat(16)}-${PARENT_ID}-01`;
  Object.assign(message["params"] as object, { _meta: { traceparent: own } });
  await (await post(url, message, headers)).text();
  expect(spans().at(-1)?.parentSpanContext?.traceId).toBe("ab".repeat(16));
  expect(got.at(-1)?.body).toContain(`00-${"ab".repeat(16)}-${spans().at(-1)?.spanContext().spanId}-01`);
  // A client that does not trace: no header is made up.
  await (await post(url, callOf(3, "find"), SESSION)).text();
  expect(got.at(-1)?.headers).not.toHaveProperty("traceparent");
});
