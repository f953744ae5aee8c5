import { PassThrough } from "node:stream";

import { expect, test } from "vitest";

import { LineWriter } from "../../src/frame/write-lines.ts";

function writerOf(): { readonly writer: LineWriter; readonly written: string[] } {
  const written: string[] = [];
  const stream = new PassThrough();
  stream.on("data", (bytes: Buffer) => written.push(bytes.toString()));
  return { writer: new LineWriter(stream), written };
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("what is written at once, or when promises settle, leaves in one piece, in order, each on a line", async () => {
  const { writer, written } = writerOf();
  writer.write(bytesOf('{"a":1}'));
  await Promise.resolve();
  writer.write(bytesOf('{"b":"ü"}'));
  await expect.poll(() => written).toStrictEqual(['{"a":1}\n{"b":"ü"}\n']);
  writer.write(bytesOf("{}"));
  await expect.poll(() => written).toStrictEqual(['{"a":1}\n{"b":"ü"}\n', "{}\n"]);
});

test("a flush writes at once what is waiting, and nothing twice", async () => {
  const { writer, written } = writerOf();
  writer.write(bytesOf("{}"));
  writer.flush();
  writer.flush();
  expect(written).toStrictEqual(["{}\n"]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(written).toStrictEqual(["{}\n"]);
});

test("a message that came in several lines is one line, and nothing else of it changes", () => {
  const { writer, written } = writerOf();
  writer.write(bytesOf('{\r\n  "a":\r"\\n ü\u2028"\n}'));
  writer.flush();
  expect(written).toStrictEqual(['{    "a": "\\n ü\u2028" }\n']);
});
