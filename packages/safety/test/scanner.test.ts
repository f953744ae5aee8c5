import { expect, test } from "vitest";
import { builtInDetectors, createScanner, type Detector } from "../src/index.ts";
import { PII } from "./token-fixtures.ts";

const word: Detector = {
  name: "word",
  family: "toxicity",
  maxSpanChars: 4,
  patterns: [],
  find: (text) =>
    [...text.matchAll(/bad/g)].map(({ index }) => ({ type: "word", start: index, end: index + 3, score: 1 })),
};

test("lists its detectors with family and longest finding", () => {
  expect(createScanner().detectors.map(({ name }) => name)).toEqual([
    "email",
    "card",
    "phone",
    "ssn",
    "iban",
    "ip",
    "awsAccessKey",
    "githubToken",
    "apiKey",
    "slackToken",
    "privateKey",
    "jwt",
    "bearer",
    "injection",
  ]);
  expect(createScanner({ detectors: [word] }).detectors).toEqual([
    { name: "word", family: "toxicity", maxSpanChars: 4 },
  ]);
});

test("runs only the detectors that are asked for, each once", () => {
  const scanner = createScanner({ detectors: [...builtInDetectors, word] });
  const request = { text: `bad ${PII["email"]}`, channel: "user" } as const;
  expect(scanner.scan({ ...request, detect: [] }).spans).toEqual([]);
  expect(scanner.scan({ ...request, detect: ["word", "word"] }).spans).toHaveLength(1);
  expect(scanner.scan({ ...request, detect: ["email", "word"] }).spans.map(({ type }) => type)).toEqual([
    "word",
    "email",
  ]);
});

test("refuses a detector it does not have instead of finding nothing", () => {
  const scanner = createScanner();
  expect(() => scanner.scan({ text: "", channel: "user", detect: ["emial"] })).toThrow(
    expect.objectContaining({ code: "detector_unknown" }),
  );
});

test("refuses two detectors of one name and a senseless limit", () => {
  expect(() => createScanner({ detectors: [word, word] })).toThrow(
    expect.objectContaining({ code: "detector_duplicate" }),
  );
  for (const maxScanChars of [0, 1, -5, 1.5, Number.NaN]) {
    expect(() => createScanner({ maxScanChars })).toThrow(
      expect.objectContaining({ code: "option_invalid" }),
    );
  }
});

test("refuses an option that does not exist, which would scan by the default in silence", () => {
  const misspelt: object = { detecters: [word] };
  expect(() => createScanner(misspelt)).toThrow(
    expect.objectContaining({
      code: "option_invalid",
      message: 'createScanner has no option "detecters": use detectors, maxScanChars',
    }),
  );
});

test("scans head and tail of an oversize text and says that it is truncated", () => {
  const scanner = createScanner({ maxScanChars: 1_000 });
  const email = PII["email"] ?? "";
  const filler = " .".repeat(1_000);
  const text = `${email}${filler}${email}${filler}${email}`;
  const { spans, isTruncated } = scanner.scan({ text, channel: "user", detect: ["email"] });
  expect(isTruncated).toBe(true);
  expect(spans.map(({ start, end }) => text.slice(start, end))).toEqual([email, email]);
  expect(spans.at(-1)?.end).toBe(text.length);
});

test("a text of exactly the limit is scanned whole", () => {
  const text = ".".repeat(1_000);
  expect(
    createScanner({ maxScanChars: 1_000 }).scan({ text, channel: "user", detect: ["email"] }).isTruncated,
  ).toBe(false);
});

test("a throwing detector is not swallowed: its caller decides how to fail", () => {
  const broken: Detector = {
    ...word,
    find: () => {
      throw new RangeError("broken detector");
    },
  };
  const scanner = createScanner({ detectors: [broken] });
  expect(() => scanner.scan({ text: "x", channel: "user", detect: ["word"] })).toThrow("broken detector");
});

test("finds values across the leaves of one JSON text, each at its place", () => {
  const text = JSON.stringify({
    people: [{ email: PII["email"] }, { account: PII["iban"], host: PII["ip"] }],
  });
  const { spans } = createScanner().scan({ text, channel: "tool_result", detect: ["email", "iban", "ip"] });
  expect(spans.map(({ type, start, end }) => [type, text.slice(start, end)])).toEqual([
    ["email", PII["email"]],
    ["iban", PII["iban"]],
    ["ip", PII["ip"]],
  ]);
});
