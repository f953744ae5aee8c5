/** Names by which the protocol says what there is, where nothing is said in words. */
const NAMES: ReadonlySet<string> = new Set(
  [
    "_meta capabilities tools resources resourceTemplates prompts roots sampling elicitation logging completions",
    "completion experimental extensions tasks list cancel requests call create createMessage form url context",
    "listChanged subscribe content contents structuredContent messages values total hasMore progress",
    "annotations audience priority notifications toolsListChanged resourcesListChanged promptsListChanged",
    "resourceSubscriptions createdAt lastUpdatedAt ttl pollInterval ttlMs pollIntervalMs",
  ].flatMap((names) => names.split(" ")),
);
const OF_THE_PROTOCOL = /^io\.modelcontextprotocol\/[A-Za-z]{1,32}$/;
/** As core reads numbers: shorter ones hold no card, account or telephone number. */
const LONG_NUMBER = 100_000_000;

/** Whether a value says anything that a rule could be about: in texts, in names that are not the protocol's own, in long numbers. */
export function hasWords(value: unknown): boolean {
  if (typeof value === "string") return true;
  if (typeof value === "number") return Math.abs(value) >= LONG_NUMBER;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(hasWords);
  return Object.entries(value).some(([name, inner]) => !isOwnName(name) || hasWords(inner));
}

/** Whether a name beside a message is one that the protocol keeps for itself. */
export function isOfProtocol(name: string): boolean {
  return OF_THE_PROTOCOL.test(name);
}

function isOwnName(name: string): boolean {
  return NAMES.has(name) || isOfProtocol(name);
}
