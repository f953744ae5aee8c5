import { expect, test } from "vitest";
import { found } from "../scan.ts";

test.each([
  "203.0.113.77",
  "0.0.0.0",
  "2001:db8::1",
  "2001:db8:0:0:0:0:0:1",
  "fe80::1",
  "::1",
  "::ffff:10.0.0.1",
  "2001:db8:0:0:0:0:192.168.1.1",
])("finds the address %s alone, in brackets and before a full stop", (address) => {
  expect(found("ip", address)).toEqual([address]);
  expect(found("ip", `[${address}]`)).toEqual([address]);
  expect(found("ip", `Connect to ${address}.`)).toEqual([address]);
});

test.each([
  "999.999.999.999",
  "256.0.0.1",
  "01.02.03.04",
  "version 1.2.3.4",
  "v1.2.3.4",
  "lib-1.2.3.4.jar",
  "1.2.3",
  "1.2.3.4.5",
  "12:30:45",
  "aa:bb:cc:dd:ee:ff",
  "std::cout",
  "Face::Bad",
  "1::2::3",
  "::ffff:256.0.0.1",
  "gggg::1",
])("does not take %s for an address", (text) => {
  expect(found("ip", text)).toEqual([]);
});
