import { NO_USAGE } from "./counted-dialect.ts";
import type { Dialect } from "./dialect.ts";
import { listOf, pickedOf, recordOf, type JsonRecord } from "./json.ts";
import { keptTools, offeredTools } from "./offered-tools.ts";
import { isYes, remoteRequests } from "./remote-approvals.ts";
import { TYPED_EVENTS } from "./responses.ts";
import { unaskedServers, withAsking } from "./unasked-servers.ts";

/**
 * Messages and items of a conversation that are read again, one or a list of them: words of a model are among them. The
 * answer is judged as it is.
 */
export const STORED_ITEMS: Dialect = {
  describe: () => ({ name: "unknown", messages: [] }),
  withMessages: (request) => request,
  readAnswer: (answer) => answer,
  // What rules left of an object is an object.
  writeAnswer: (_answer, content) => recordOf(content) ?? {},
  usageOf: () => ({}),
  remoteRequests: (answer) => remoteRequests(Array.isArray(answer["data"]) ? answer["data"] : [answer]),
};

/** What an agent of the provider does, as it does it: always a stream, though no member of the request says so. */
export const STORED_EVENTS: Dialect = { ...STORED_ITEMS, stream: { ...TYPED_EVENTS, isAsked: () => true } };

/** What of a conversation or thread a model will read. */
const KEPT = ["items", "messages", "content"] as const;

/** What describes a conversation or thread. */
const DESCRIBING: ReadonlySet<string> = new Set(["metadata", "tool_resources"]);

/** All that a request may say which only keeps what a later one goes on with. */
const KNOWN: ReadonlySet<string> = new Set([...KEPT, ...DESCRIBING, "role", "attachments"]);

/** Whether a request only describes a conversation that is there. */
export function isDescription(request: JsonRecord): boolean {
  const members = Object.keys(request);
  return members.length > 0 && members.every((member) => DESCRIBING.has(member));
}

/** Items and messages that are put into a conversation or thread: a prompt that a later request does not say again. */
export const STORED_PROMPTS: Dialect = {
  ...STORED_ITEMS,
  describe: (request) => ({ name: "unknown", messages: pickedOf(request, KEPT), maxOutputTokens: 0 }),
  withMessages: (request, messages) => ({ ...request, ...recordOf(messages) }),
  // Of Mistral a conversation begins with an answer.
  isKnown: (request) => Object.keys(request).every((member) => KNOWN.has(member)),
  usageOf: () => NO_USAGE,
  // What brings tools along does so for every later request.
  tools: ({ items }) => offeredTools({ input: items }),
  withTools: (request, kept) => ({
    ...request,
    items: keptTools({ input: request["items"] }, kept)["input"],
  }),
  unaskedServers: ({ items }) => unaskedServers({ input: items }),
  withAsking: (request, mustAsk) => ({
    ...request,
    items: withAsking({ input: request["items"] }, mustAsk)["input"],
  }),
  // It would run with a later request, which does not say it.
  keepsApprovals: ({ items }) => listOf(items).some((item) => isYes(recordOf(item) ?? {})),
};
