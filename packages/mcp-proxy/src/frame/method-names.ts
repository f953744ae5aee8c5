import { foldOf, readingsOf } from "../names/tool-names.ts";

/** The methods of the protocol, in all its revisions. */
const METHODS: ReadonlySet<string> = new Set(
  [
    "initialize ping server/discover subscriptions/listen completion/complete logging/setLevel",
    "tools/call tools/list prompts/get prompts/list roots/list sampling/createMessage elicitation/create",
    "resources/read resources/list resources/templates/list resources/subscribe resources/unsubscribe",
    "tasks/get tasks/result tasks/cancel tasks/update tasks/list",
    "notifications/initialized notifications/cancelled notifications/progress notifications/message",
    "notifications/tools/list_changed notifications/prompts/list_changed notifications/roots/list_changed",
    "notifications/resources/list_changed notifications/resources/updated notifications/tasks/status",
    "notifications/elicitation/complete notifications/subscriptions/acknowledged",
  ].flatMap((names) => names.split(" ")),
);
const FOLDED: ReadonlySet<string> = new Set([...METHODS].map((method) => foldOf(method)));

/**
 * Whether a careless reader may take a method for one of the protocol's that it is not: written in other letters, or with
 * what nobody sees. Rules go by methods, and would see nothing of it.
 */
export function isMisspelt(method: unknown): boolean {
  if (typeof method !== "string" || METHODS.has(method)) return false;
  return [method, ...readingsOf(method)].some((reading) => FOLDED.has(foldOf(reading)));
}
