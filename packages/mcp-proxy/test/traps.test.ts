import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import { expect, test } from "vitest";

/** What the proxy does not do, and so cannot do wrong. */
const NO_PINNING = "definitions of tools are not pinned";
const NO_MUX = "one proxy stands before one server";

/**
 * Ways in which proxies for MCP go wrong, each with the tests that show it does not (`file: words of its name`), or why there
 * is nothing to show.
 */
const TRAPS: readonly (readonly [trap: string, tests: readonly string[] | { readonly none: string }])[] = [
  [
    "1 a message is cut in the middle of a character",
    [
      "relay: arrives as it was sent wherever the stream is cut",
      "attack/raw-client: whose bytes come one by one",
      "attack/raw-server: whose bytes come one by one",
    ],
  ],
  [
    "2 an unknown member beside the method loses the message",
    ["relay: passes byte for byte in both directions"],
  ],
  [
    "3 what nobody knows yet is dropped",
    ["relay: passes byte for byte in both directions", "relay: passes whatever it says (property)"],
  ],
  [
    "4 large numbers change",
    [
      "tool-calls: a rewritten input keeps every other byte of the message",
      "tool-calls: a number that cannot be repeated is not changed but withheld",
      "attack/input-requests: lets the very number go on that was approved",
    ],
  ],
  ["5 a line that is no JSON ends everything", ["relay: %s is answered, and the next one works"]],
  [
    "6 a message is too long or too deep",
    [
      "relay: a line that is too long is skipped to its end",
      "relay: %s is answered, and the next one works",
      "attack/messages: a string of nearly ten million characters is read",
    ],
  ],
  [
    "7 a list of several pages loses one, or never ends",
    ["lists: one in which nothing is hidden keeps its pages"],
  ],
  ["8 a filtered list has pages with gaps", ["lists: one of several pages is filtered before it is paged"]],
  [
    "9 what is not listed can be called, or the other way round",
    [
      "filesystem: a forbidden tool does not exist",
      "http/both-eras: neither sees nor reaches what is forbidden",
    ],
  ],
  ["10 a tool that was never listed is called", { none: NO_PINNING }],
  [
    "11 what the server says reaches the wrong request",
    [
      "http/notices: is heard on that call's stream, though another is open",
      "http/both-eras: sees and gets through the proxy what it sees and gets without it",
    ],
  ],
  [
    "12 answers or cancels reach another call",
    [
      "tool-calls: 100 calls at once that are answered out of order get their own answers",
      "tool-calls: a cancel reaches the server",
      "http/both-eras: cancels a call at the server too",
      "attack/messages: by the client, while the first is decided",
    ],
  ],
  [
    "13 a session that the server has lost is not begun anew, or more than once",
    [
      "http/http-proxy: that the server has lost is over at the proxy too",
      "bridge/http-channel: a session that the server has lost is begun anew, once",
    ],
  ],
  [
    "14 a server outlives its client",
    [
      "restart: nothing of it outlives the client",
      "http/kill: a proxy that is killed leaves no %s server behind",
      "http/kill: told to end, it ends what its servers have started too",
    ],
  ],
  [
    "15 a server without a stream of its own loses its answers",
    [
      "http/http-proxy: whose stream is refused still answers",
      "http/http-proxy: whose stream is refused with %s answers calls, and one that runs",
    ],
  ],
  [
    "16 a list that is read anew in a handler never comes",
    ["traps-of-clients: a client that lists anew inside its handler"],
  ],
  [
    "17 a server that is killed leaves its callers waiting",
    [
      "restart: a server that is killed fails its running calls",
      "http/kill: a started server that is killed fails its call",
    ],
  ],
  [
    "18 a page of another site reaches the server through the proxy",
    ["http/gate: a request with %j gets %s"],
  ],
  [
    "19 a server's description sends clients around the proxy",
    [
      "http/protected-resource: names the proxy to a client of the SDK",
      "http/conformance-kit: says the same of a client through the proxy as without it",
    ],
  ],
  [
    "20 the client's credentials reach the server",
    ["http/gate: a bearer token is compared whole, and stays with the proxy"],
  ],
  [
    "21 headers and body, or two equal names, say two things",
    [
      "http/modern-request: whose headers say %s is refused",
      "http/param-headers: a header that repeats an argument and says %s is refused",
      "relay: %s is answered, and the next one works",
      "attack/messages: to a server that does not care about case is refused",
    ],
  ],
  [
    "22 one call of a batch slips through, or stops the others",
    [
      "relay: a batch is taken apart",
      "http/http-proxy: takes a batch apart",
      "attack/http: under headers that name one call",
    ],
  ],
  ["23 a pin trips on nothing, or does not on a change", { none: NO_PINNING }],
  ["24 a tool is another one after it was approved", { none: NO_PINNING }],
  ["25 two servers have a tool of one name", { none: NO_MUX }],
  [
    "26 ids that name a request elsewhere are not rewritten with it",
    // Elsewhere the ids of requests stay as they are.
    [
      "http/shared-server: have their own subscription, progress, answer and cancel",
      "bridge/http-to-stdio: with ids and progress of their own",
    ],
  ],
  [
    "27 a carried state is forged, used twice, or taken for another call",
    [
      "modern-approval: carries the server's own state, and gives it back to the server",
      "modern-approval: and the call runs once when the client comes back with the answer",
      "modern-approval: of another connection does not let the call go on",
      "attack/input-requests: is no good for a call that has something else beside its arguments",
    ],
  ],
  ["28 a client gives up while a person thinks", ["traps-of-clients: an approval that takes minutes"]],
  [
    "29 a refusal does not fit the tool's output schema",
    [
      "traps-of-clients: is an error that the AI SDK gives to the model",
      "traps-of-clients: is a tool's error to LangChain",
    ],
  ],
  [
    "30 a refusal tells that a hidden tool exists",
    ["tool-calls: a hidden tool is told in the server's own words"],
  ],
  [
    "31 a list depends on what was called before",
    ["lists: is the same whatever was called before, and private"],
  ],
  [
    "32 only the text of a result is read",
    [
      "tool-calls: a result is redacted in every part",
      "tool-calls: an error of the server's is redacted",
      "attack/input-requests: for what rules forbid gets nothing out of %s",
      "attack/input-responses: is redacted where %s",
      "notifications: %s is redacted like a result",
      "notifications: %s that a rule would withhold does not pass",
      "client-notices: what a client says unasked is redacted: %s",
    ],
  ],
  ["33 many long messages at once are mixed up", ["traps-of-clients: 32 messages of 64 KiB at once"]],
  [
    "34 something else than messages is on standard output",
    ["traps-of-clients: standard output carries messages alone"],
  ],
  ["35 a configuration is not as it was", { none: "configurations of clients are not written" }],
  [
    "36 harmless definitions are taken for attacks",
    ["listed-words: says of its tools is no finding of any scan"],
  ],
  [
    "37 the proxy is another server than the one behind it",
    [
      "http/conformance-kit: says the same of a server through the proxy as without it",
      "http/conformance-kit: says the same of a client through the proxy as without it",
      "matrix/matrix: shows through the proxy what it shows without it",
    ],
  ],
];

const NAMES = /\btest(?:\.\w+)?(?:\(|[^;]*?\)\(\s*)\s*(["`])((?:\\.|(?!\1).)*)\1/gs;

test("37 traps are listed, in order", () => {
  expect(TRAPS.map(([trap]) => Number.parseInt(trap, 10))).toStrictEqual(
    Array.from({ length: 37 }, (_, at) => at + 1),
  );
});

test("the tests that show each trap is avoided exist", () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" });
  const names = new Map(
    files
      .filter((file) => file.endsWith(".test.ts") && !file.startsWith("traps.test"))
      .map((file) => [
        file.replaceAll(path.sep, "/").replace(".test.ts", ""),
        [...readFileSync(path.join(import.meta.dirname, file), "utf8").matchAll(NAMES)].map(
          ([, , name]) => name ?? "",
        ),
      ]),
  );
  const cited = TRAPS.flatMap(([, tests]) => ("none" in tests ? [] : tests));
  const missing = cited.filter((one) => {
    const colon = one.indexOf(": ");
    const words = one.slice(colon + 2);
    return !(names.get(one.slice(0, colon)) ?? []).some((name) => name.includes(words));
  });
  expect(missing).toStrictEqual([]);
});
