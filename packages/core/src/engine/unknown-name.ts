import { suggest } from "../base/did-you-mean.ts";
import { AgentplaneError } from "../base/errors.ts";

/** The error for a name that nothing has. @param what Is named. @param known The names there are. */
export function unknownName(what: string, name: string, known: readonly string[]): AgentplaneError {
  return new AgentplaneError("usage_invalid", `there is no ${what} "${name}"; ${suggest(name, known)}`);
}
