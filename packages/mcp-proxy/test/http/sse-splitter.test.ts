import * as fc from "fast-check";
import { expect, test } from "vitest";

import { eventBytes, SseSplitter, type SseEvent } from "../../src/http/sse-splitter.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (raw: Uint8Array | undefined): string | undefined =>
  raw === undefined ? undefined : new TextDecoder().decode(raw);

function split(...parts: readonly Uint8Array[]): readonly SseEvent[] {
  const splitter = new SseSplitter(10_000);
  return parts.flatMap((part) => splitter.push(part)).filter((event) => "raw" in event);
}

const unified = (lines: string): string => lines.replaceAll(/\r\n?/g, "\n");

const STREAM =
  ': hello\n\nid: 1\ndata:\n\nevent: message\nid: 2\ndata: {"a":"Grüße 🚀"}\n\nretry: 500\r\n\r\ndata: {"b":\r\ndata:1}\r\n\r\ndata: x\r\rid\nevent: other\ndata\n\n';
const EVENTS = [
  ["message", undefined, undefined],
  ["message", "1", ""],
  ["message", "2", '{"a":"Grüße 🚀"}'],
  ["message", undefined, undefined],
  ["message", undefined, '{"b":\n1}'],
  ["message", undefined, "x"],
  ["other", "", ""],
];

test("a stream of events is read wherever its bytes are cut, and every byte is kept", () => {
  const all = bytes(STREAM);
  for (let cut = 0; cut <= all.length; cut++) {
    const events = split(all.subarray(0, cut), all.subarray(cut));
    expect(events.map(({ type, id, data }) => [type, id, text(data)])).toStrictEqual(EVENTS);
    // Half of a line end may be left out between two events, and no more.
    expect(unified(events.map(({ raw }) => text(raw)).join(""))).toBe(unified(STREAM));
  }
  const single = split(...[...all].map((byte) => new Uint8Array([byte])));
  expect(single.map(({ type, id, data }) => [type, id, text(data)])).toStrictEqual(EVENTS);
});

test("an event whose end is a CR does not wait for what may follow", () => {
  expect(split(bytes("data: x\r\r")).map(({ data }) => text(data))).toStrictEqual(["x"]);
  expect(split(bytes("data: x\r\n\r"), bytes("\ndata: y\n\n")).map(({ data }) => text(data))).toStrictEqual([
    "x",
    "y",
  ]);
});

test("a byte order mark at the beginning is no part of the first field", () => {
  expect(split(bytes("\uFEFFdata: x\n\n")).map(({ data }) => text(data))).toStrictEqual(["x"]);
});

test("what is written as an event is read as it was (property)", () => {
  fc.assert(
    fc.property(fc.json(), fc.option(fc.stringMatching(/^[\w-]+$/), { nil: undefined }), (json, id) => {
      const [event, ...others] = split(eventBytes(json, id));
      expect(others).toStrictEqual([]);
      expect([text(event?.data), event?.id]).toStrictEqual([json, id]);
    }),
  );
  const lines = '{"a":\r\n1,\r"b":\n2}';
  expect(JSON.parse(text(split(eventBytes(lines))[0]?.data) ?? "")).toStrictEqual({ a: 1, b: 2 });
});

test("an event that is too long is reported", () => {
  const splitter = new SseSplitter(10);
  expect(splitter.push(bytes("data: 12345678"))).toStrictEqual([{ isTooLong: true }]);
});

test("an event above the limit is too long also where it comes whole", () => {
  const splitter = new SseSplitter(12);
  expect(splitter.push(bytes("data: 1\n\ndata: 12345678\n\n"))).toMatchObject([
    { type: "message" },
    { isTooLong: true },
  ]);
});
