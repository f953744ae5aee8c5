import type { Admission, GuardInit } from "@agentplane/core";

import type { Change } from "../frame/frame.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import type { Connection } from "../connection/connection.ts";
import { contentOfSampling } from "../judge/handling.ts";

/** What a request of the server's is, in the plane's words. */
export interface Described {
  readonly context: GuardInit;
  readonly changes: (admission: Admission) => readonly Change[];
}

/** Which request of the server's it is, and of which trace. */
export interface ServerCall {
  readonly callId?: string;
  readonly traceId?: string;
}

/**
 * The server borrows the client's model: a model call like any other, with its budget. The model may read whatever stands
 * beside the messages as well, tools and members of later revisions too.
 */
export function sampling({ acting }: Connection, params: JsonRecord, call: ServerCall): Described {
  const { maxTokens } = params;
  const prompt: JsonRecord = { messages: [], ...contentOfSampling(params) };
  const limit = typeof maxTokens === "number" && maxTokens > 0 ? maxTokens : undefined;
  return {
    context: {
      hookpoint: "before_model_call",
      ...acting,
      ...call,
      origin: "mcp-sampling",
      model: {
        name: hintOf(params) ?? "client",
        messages: prompt,
        ...(limit !== undefined && { maxOutputTokens: limit }),
      },
    },
    changes({ isInputChanged, input, decision }) {
      const limits = decision.obligations.flatMap((duty) =>
        duty.kind === "clampOutput" ? [duty.maxOutputTokens] : [],
      );
      const next = Math.min(limit ?? Infinity, ...limits);
      const shown = isInputChanged ? (recordOf(input) ?? {}) : prompt;
      return [
        ...changesIn(prompt, shown, ["params"]),
        ...(limits.length > 0 && next !== limit ? [{ path: ["params", "maxTokens"], value: next }] : []),
      ];
    },
  };
}

function changesIn(before: JsonRecord, after: JsonRecord, path: readonly string[]): readonly Change[] {
  // Added beside the old one, a new name would leave that where it is.
  if (Object.keys(before).some((name) => !Object.hasOwn(after, name)))
    throw new RangeError("a name beside the messages would have to be redacted");
  const changed = Object.entries(after).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]),
  );
  return changed.flatMap(([name, value]) => {
    const inner = name === "_meta" ? recordOf(before[name]) : undefined;
    // What of it is no content stays.
    if (inner !== undefined) return changesIn(inner, recordOf(value) ?? {}, [...path, name]);
    return [{ path: [...path, name], value }];
  });
}

function hintOf(params: JsonRecord): string | undefined {
  const [hint] = listOf(recordOf(params["modelPreferences"])?.["hints"]);
  return textOf(recordOf(hint)?.["name"]);
}
