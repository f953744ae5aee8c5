import * as api from "@opentelemetry/api";
import { memorySink, rule, type DecisionRecord, type Policy } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { createRelay, otelTracer, type CallTracer } from "../../src/index.ts";
import { callOf, request, wiredRelay, type WiredRelay } from "../wired-relay.ts";
import { PARENT_ID, recorded, TRACE_ID, TRACEPARENT } from "./recorded.ts";

const NO_WIPE: Policy = { id: "no-wipe", blocking: [rule.denylist({ tools: ["wipe"] })] };
const answer = { result: { content: [{ type: "text", text: "found it" }] } };

function tracedCall(id: number, name: string, meta: Record<string, unknown> = {}): Record<string, unknown> {
  const params = { name, arguments: { card: "4111" }, _meta: { traceparent: TRACEPARENT, ...meta } };
  return request(id, "tools/call", params);
}

function wired(
  options: Parameters<typeof wiredRelay>[1] = {},
): WiredRelay & { decisions(): DecisionRecord[] } {
  const audit = memorySink();
  const made = wiredRelay({ policies: [NO_WIPE], audit }, { serve: () => answer, ...options });
  const decisions = (): DecisionRecord[] =>
    audit
      .records()
      .filter((record) => record.kind === "decision")
      .filter(({ decision }) => decision.hookpoint !== "before_agent");
  return { ...made, decisions };
}

describe("a span for each request", () => {
  test("is a child of the client's, says what was called and decided, and nothing of what was said", async () => {
    const { tracer, spans } = recorded();
    const { client, answer: answered, plane, decisions } = wired({ tracer });
    client(tracedCall(1, "find"));
    await answered(1);
    const [span] = spans();
    expect(span).toMatchObject({
      name: "tools/call find",
      kind: api.SpanKind.SERVER,
      parentSpanContext: { traceId: TRACE_ID, spanId: PARENT_ID },
      status: { code: api.SpanStatusCode.UNSET },
      attributes: {
        "mcp.method.name": "tools/call",
        "jsonrpc.request.id": "1",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "find",
        "gen_ai.agent.id": "writer",
        "agentplane.policy.decision": "allow",
      },
    });
    expect(span?.attributes["agentplane.decision.id"]).toBe(decisions()[0]?.decision.id);
    expect(JSON.stringify(span?.attributes)).not.toMatch(/4111|found it/);
    expect(decisions()).toMatchObject([{ traceId: TRACE_ID }]);
    await plane.close();
  });

  test("is the parent that the server is told, in the place of the client's; all else stays as it was", async () => {
    const { tracer, spans } = recorded();
    const { client, answer: answered, toServer, plane } = wired({ tracer });
    const line = (parent: string): string =>
      `{"id":1, "jsonrpc":"2.0","method":"tools/call","params":{"_meta":{"x":1.0,"traceparent":"${parent}","tracestate":"rojo=1"},"name":"find","arguments":{"n":12345678901234567890}}}`;
    client(line(TRACEPARENT));
    await answered(1);
    const spanId = spans()[0]?.spanContext().spanId ?? "none";
    expect(toServer).toStrictEqual([line(`00-${TRACE_ID}-${spanId}-01`)]);
    await plane.close();
  });

  test("of a client that does not trace begins a trace, and the message stays as it is", async () => {
    const { tracer, spans } = recorded();
    const { client, answer: answered, toServer, plane, decisions } = wired({ tracer });
    const line = JSON.stringify(callOf(1, "find"));
    client(line);
    await answered(1);
    expect(toServer).toStrictEqual([line]);
    expect(spans()[0]?.parentSpanContext).toBeUndefined();
    expect(decisions()).toMatchObject([{ traceId: spans()[0]?.spanContext().traceId }]);
    await plane.close();
  });

  test.each([
    ["no params", request(1, "tools/list"), "params"],
    ["no context", callOf(1, "find"), "params"],
  ])("is told to the server by option also where there is %s", async (_what, message) => {
    const { tracer, spans } = recorded({ isAlwaysPropagated: true });
    const { client, answer: answered, toServer, plane } = wired({ tracer });
    client(message);
    await answered(1);
    const { traceId, spanId } = spans()[0]?.spanContext() ?? {};
    expect(JSON.parse(toServer[0] ?? "")).toMatchObject({
      method: message["method"],
      params: { _meta: { traceparent: `00-${traceId}-${spanId}-01` } },
    });
    await plane.close();
  });

  test.each([[[1]], [{ _meta: 7 }], [{ _meta: { traceparent: 7 } }], [{ _meta: { traceparent: "no" } }]])(
    "takes params %j as it takes them without a tracer",
    async (params) => {
      const { tracer, spans } = recorded();
      const { client, answer: answered, toServer, plane } = wired({ tracer });
      client({ jsonrpc: "2.0", id: 1, method: "unheard/of", params });
      await answered(1);
      expect(toServer).toHaveLength(1);
      expect(spans()).toHaveLength(1);
      await plane.close();
    },
  );

  test("tells how a request ended: refused, an error, a result that is one, cancelled", async () => {
    const { tracer, spans } = recorded();
    const given: Record<string, Record<string, unknown>> = {
      bad: { error: { code: -32000, message: "secret words" } },
      sad: { result: { content: [], isError: true } },
    };
    const {
      client,
      answer: answered,
      asked,
      plane,
    } = wired({
      tracer,
      denyAs: "error",
      serve({ params }) {
        // Every request of this test names its tool.
        const { name } = params as { name: string };
        return name === "slow" ? undefined : (given[name] ?? { error: { code: -32602, message: "unknown" } });
      },
    });
    for (const [id, name] of ["bad", "sad", "wipe"].entries()) {
      client(tracedCall(id, name));
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await answered(id);
    }
    client(tracedCall(7, "slow"));
    await asked(4);
    client({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(
      spans().map(({ attributes }) => [attributes["gen_ai.tool.name"], attributes["error.type"]]),
    ).toEqual([
      ["bad", "-32000"],
      ["sad", "tool_error"],
      // Refused whatever its input: it has the server's own words for one that does not exist.
      ["wipe", "-32602"],
      ["slow", "cancelled"],
    ]);
    expect(spans().map(({ status }) => status)).toStrictEqual(
      Array.from({ length: 4 }, () => ({ code: api.SpanStatusCode.ERROR })),
    );
    expect(spans()[2]?.attributes).toMatchObject({
      "agentplane.policy.decision": "block",
      "agentplane.policy.id": "no-wipe",
      "agentplane.policy.rule": "denylist",
    });
    await plane.close();
  });

  test("is made of what a server asks the client too, and of no ping", async () => {
    const { tracer, spans } = recorded();
    const { client, server, toClient, answer: answered, plane } = wired({ tracer });
    client(request(1, "ping"));
    await answered(1);
    const params = { messages: [], maxTokens: 5, _meta: { traceparent: TRACEPARENT } };
    server(request("s1", "sampling/createMessage", params));
    await answered("s1");
    client({ jsonrpc: "2.0", id: "s1", result: { role: "assistant", model: "m", content: {} } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(spans().map(({ name }) => name)).toStrictEqual(["sampling/createMessage"]);
    expect(toClient.at(-1)).toContain(spans()[0]?.spanContext().spanId);
    await plane.close();
  });

  test("has a short name, however long that of the tool is", async () => {
    const { tracer, spans } = recorded();
    const { client, answer: answered, plane } = wired({ tracer });
    client(callOf(1, "x".repeat(100_000)));
    await answered(1);
    expect(spans()[0]?.name.length).toBeLessThan(300);
    await plane.close();
  });

  test("keeps calls that run at once apart", async () => {
    const { tracer, spans } = recorded();
    const { client, answer: answered, plane, decisions } = wired({ tracer });
    const idOf = (at: number): string => `${TRACE_ID.slice(0, 30)}${10 + at}`;
    const ids = Array.from({ length: 20 }, (_, at) => at);
    for (const at of ids) client(tracedCall(at, "find", { traceparent: `00-${idOf(at)}-${PARENT_ID}-01` }));
    await Promise.all(ids.map(answered));
    expect(new Set(decisions().map(({ traceId }) => traceId))).toStrictEqual(new Set(ids.map(idOf)));
    expect(new Set(spans().map((span) => span.spanContext().traceId)).size).toBe(20);
    await plane.close();
  });
});

describe("without a tracer", () => {
  test("records name the trace that the client names, and the message stays as it is", async () => {
    const { client, answer: answered, toServer, plane, decisions } = wired();
    const line = JSON.stringify(tracedCall(1, "find"));
    client(line);
    await answered(1);
    expect(toServer).toStrictEqual([line]);
    expect(decisions()).toMatchObject([{ traceId: TRACE_ID }]);
    await plane.close();
  });

  test.each([`00-${"0".repeat(32)}-${PARENT_ID}-01`, "nonsense", 7, `ff-${TRACE_ID}-${PARENT_ID}-01`])(
    "a traceparent %j names none, and the call goes on",
    async (traceparent) => {
      const { client, answer: answered, plane, decisions } = wired();
      client(tracedCall(1, "find", { traceparent }));
      expect(await answered(1)).toHaveProperty("result");
      expect(decisions()[0]).not.toHaveProperty("traceId");
      await plane.close();
    },
  );

  test("the module of OpenTelemetry itself, with no SDK behind it, changes nothing", async () => {
    const { client, answer: answered, toServer, plane } = wired({ tracer: otelTracer(api) });
    const line = JSON.stringify(tracedCall(1, "find"));
    client(line);
    expect(await answered(1)).toHaveProperty("result");
    expect(toServer).toStrictEqual([line]);
    await plane.close();
  });
});

test("a tracer that is none is refused", async () => {
  const { plane } = wiredRelay();
  // What somebody without types hands in.
  const tracer = api as unknown as CallTracer;
  const options = { plane, identity: { agent: "a" }, server: "s", tracer };
  expect(() => createRelay(options, { toClient: () => undefined, toServer: () => undefined })).toThrow(
    "tracer",
  );
  await plane.close();
});
