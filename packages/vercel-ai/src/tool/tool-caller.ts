import { isRecord } from "../content/inline-file.ts";
import type { AnyTool } from "../call/tool-settings.ts";

/** Where the SDK keeps that a tool calls others, such as one that runs the model's code. */
const CALLER = "experimental_toolCaller";

/**
 * The member by which a tool calls others, changed so that what it becomes is guarded too: for each step the SDK binds
 * it to the tools of the step and runs what comes out, not the tool itself (`tool-caller` in `@ai-sdk/provider-utils@5`).
 * @param guard Guards a bound tool.
 * @returns Nothing for any other tool
 */
export function guardedCaller(
  tool: AnyTool,
  guard: (bound: AnyTool) => AnyTool,
): Readonly<Record<string, unknown>> {
  const caller: unknown = Reflect.get(tool, CALLER);
  if (!isRecord(caller) || typeof caller["bind"] !== "function") return {};
  const { bind } = caller;
  // What the SDK binds is a tool; what it gives `bind` are the guarded ones.
  const guarded = (tools: unknown): AnyTool => guard(Reflect.apply(bind, caller, [tools]) as AnyTool);
  return { [CALLER]: { ...caller, bind: guarded } };
}
