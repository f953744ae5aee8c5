import { expect, test } from "vitest";

import { asked, json, modernCall, scripted } from "../http/proxied.ts";
import { piped } from "./piped.ts";

const text = (words: string) => ({ content: [{ type: "text", text: words }] });
const result = (id: unknown, words: string) => ({ jsonrpc: "2.0", id, result: text(words) });

const TOOLS = [
  {
    name: "sql",
    inputSchema: {
      type: "object",
      properties: {
        region: { type: "string", "x-mcp-header": "Region" },
        deep: { type: "object", properties: { limit: { type: "integer", "x-mcp-header": "Limit" } } },
      },
    },
  },
  {
    name: "bad",
    inputSchema: {
      type: "object",
      properties: { rows: { type: "array", items: { "x-mcp-header": "Row" } } },
    },
  },
];

/** A server of 2026-07-28 that compares the headers of calls. */
function modernServer() {
  return scripted((got, response) => {
    const { id, method } = asked(got);
    if (method === "tools/list") return json(response, { jsonrpc: "2.0", id, result: { tools: TOOLS } });
    const isTold =
      got.headers["mcp-param-region"] === "=?base64?S8O2bG4=?=" && got.headers["mcp-param-limit"] === "3";
    if (isTold) return json(response, result(id, "rows"));
    json(response, { jsonrpc: "2.0", id, error: { code: -32_020, message: "Header mismatch" } }, 400);
  });
}

const SQL = modernCall(1, "sql", { region: "Köln", deep: { limit: 3 } }).message;

test("a modern call has the headers that its tool asks for, also when the client has never listed it", async () => {
  const { url, got } = await modernServer();
  const { write, answer, said } = piped({ url });
  write(SQL);
  expect((await answer(1))["result"]).toStrictEqual(text("rows"));
  expect(got.map(asked).map(({ method }) => method)).toStrictEqual([
    "tools/call",
    "tools/list",
    "tools/call",
  ]);
  expect(got[2]?.headers).toMatchObject({
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": "sql",
  });
  expect(said).toHaveLength(1);
});

test("a modern client is not offered a tool that cannot be called over HTTP", async () => {
  const { url, got } = await modernServer();
  const { write, answer } = piped({ url });
  const { params } = SQL as { params: { _meta: unknown } };
  write({ jsonrpc: "2.0", id: 9, method: "tools/list", params: { _meta: params["_meta"] } });
  const listed = (await answer(9))["result"] as { tools: { name: string }[] };
  expect(listed.tools.map(({ name }) => name)).toStrictEqual(["sql"]);
  write(SQL);
  await answer(1);
  expect(got).toHaveLength(2);
});

/** One page after the other, named by whatever comes next; each is that long. @returns How many were asked for. */
async function pagesOf(
  cursors: (page: number) => unknown,
  length: number,
  maxFrameBytes = 100_000,
): Promise<number> {
  let pages = 0;
  const { url } = await scripted((got, response) => {
    const { id, method } = asked(got);
    if (method !== "tools/list" || pages > 500)
      return json(
        response,
        { jsonrpc: "2.0", id, error: { code: -32_020, message: "Header mismatch" } },
        400,
      );
    const page = { tools: [{ name: "x".repeat(length) }], nextCursor: cursors(++pages) };
    return json(response, { jsonrpc: "2.0", id, result: page });
  });
  const { write, answer } = piped({ url }, {}, { maxFrameBytes });
  write(SQL);
  expect(await answer(1)).toHaveProperty("error.code", -32_020);
  return pages;
}

test.each<[string, (page: number) => unknown, number, number]>([
  ["that go round in a circle", (page) => "abc"[page % 3], 1, 4],
  ["that never end", String, 1, 100],
  ["that are too long together", String, 40_000, 3],
  ["whose cursor is none", () => ({ a: 1 }), 1, 1],
])(
  "pages %s are not read without end to find the headers of a call",
  async (_name, cursors, length, pages) => {
    expect(await pagesOf(cursors, length)).toBe(pages);
  },
);
