import { expect, test } from "vitest";

import { parseWebhookUrl } from "../../src/notify/webhook-url.ts";

test.for([
  ["https://alerts.example.com/x?y=1", "alerts.example.com"],
  ["https://alerts.example.com:8443", "alerts.example.com"],
  ["http://localhost:8080/x", "localhost"],
  ["http://127.0.0.1/x", "127.0.0.1"],
  ["http://[::1]:9/x", "[::1]"],
] as const)("accepts %s", ([url, host]) => {
  expect(parseWebhookUrl(url)).toStrictEqual({ url, host });
});

test.for([
  "http://alerts.example.com/x",
  "http://localhost.evil.test/x",
  "http://127.0.0.1.evil.test/x",
  "http://127.0.0.1@evil.test/x",
  "http://127.0.0.1\\@evil.test/x",
  "http://localhost:1@evil.test",
  "https://user:pass@evil.test/x",
  "ftp://localhost/x",
  "//evil.test",
  "https://",
  "https://a b.test",
  "https://evil.test/\nx",
])("refuses %j", (url) => {
  expect(parseWebhookUrl(url)).toBeTypeOf("string");
});
