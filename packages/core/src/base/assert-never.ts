import { AgentplaneError } from "./errors.ts";

/**
 * Ends a switch over a closed union: a value that slipped past the type system fails loudly.
 * @param value What no case handled.
 * @param what The name of the union, for the message.
 * @throws AgentplaneError `internal_unreachable`
 */
export function assertNever(value: never, what: string): never {
  throw new AgentplaneError("internal_unreachable", `unexpected ${what}: ${String(value)}`, {
    data: { what },
  });
}
