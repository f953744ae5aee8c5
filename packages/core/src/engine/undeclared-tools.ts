import type { Logger } from "../base/ports.ts";

/** Names that agents invent must not fill the memory, nor the log. */
const MAX_NAMED = 1_000;

/**
 * Says once for each tool that nobody declared it, and what that means for its records: a call of a tool that is
 * declared as write, external or exec waits until its record is on the disk, any other's record is buffered.
 * @returns To be told of every call of an undeclared tool.
 */
export function createUndeclaredWarning(logger: Logger): (tool: string) => void {
  const named = new Set<string>();
  return (tool) => {
    if (named.has(tool) || named.size >= MAX_NAMED) return;
    named.add(tool);
    const message =
      `tool ${JSON.stringify(tool.slice(0, 128))} is not declared: its audit records are buffered, and a crash may ` +
      'lose the last of them; declare it, as in tools: { name: { access: "write" } }';
    logger.warn(message, { tool: tool.slice(0, 128) });
  };
}
