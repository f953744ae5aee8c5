import type { ProposedCall } from "./dialect.ts";
import { textOf, type JsonRecord } from "./json.ts";

/** Calls of the Responses API that are executed when a client reads them, and what names the tool where they do not. */
const CALL_TYPES: Readonly<Record<string, string | undefined>> = {
  function_call: undefined,
  custom_tool_call: undefined,
  mcp_approval_request: undefined,
  computer_call: "computer",
  local_shell_call: "local_shell",
  shell_call: "shell",
  apply_patch_call: "apply_patch",
};

/** The call that an item proposes, if it proposes one. */
export function proposedCall(item: JsonRecord): readonly ProposedCall[] {
  const type = textOf(item["type"]) ?? "";
  if (!Object.hasOwn(CALL_TYPES, type)) return [];
  const name = textOf(item["name"]) ?? CALL_TYPES[type];
  if (name === undefined) return [];
  const input = item["arguments"] ?? item["input"] ?? item["action"] ?? item["actions"] ?? item["operation"];
  const server = textOf(item["server_label"]);
  return [
    {
      id: textOf(item["call_id"]) ?? textOf(item["id"]),
      name,
      ...(server !== undefined && { server }),
      ...(type === "mcp_approval_request" && { isRemote: true }),
      input: typeof input === "string" ? input : JSON.stringify(input ?? {}),
    },
  ];
}
