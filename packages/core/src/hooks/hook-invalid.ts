import { AgentplaneError } from "../base/errors.ts";

/** The error for a hook that cannot be used. @param message What is wrong, and what to do instead. */
export function hookInvalid(message: string): AgentplaneError {
  return new AgentplaneError("hook_invalid", message);
}
