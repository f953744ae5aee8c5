import type { Frame } from "../frame/frame.ts";
import { rewritten, type Change } from "../frame/frame.ts";
import { recordOf, textOf } from "../frame/json.ts";
import { LIST_NAMES, type Connection } from "../connection/connection.ts";
import { judgedInSession } from "../judge/judged-answer.ts";
import { judgedSelf } from "../judge/judged-self.ts";

/** Requests that tell client and server of each other. */
export function isHandshake(method: string): boolean {
  return method === "initialize" || method === "server/discover";
}

/**
 * Passes a handshake on: the client learns that lists may change; the server's instructions, which the model reads, are
 * judged like a prompt, and what else it says of itself like other words of the session.
 */
export async function handshake(connection: Connection, frame: Frame): Promise<Frame> {
  const params = recordOf(frame.message["params"]) ?? {};
  const capabilities = recordOf(params["capabilities"]);
  if (capabilities !== undefined) connection.clientCapabilities = capabilities;
  if (frame.message["method"] === "initialize") connection.initialize = params;
  const response = await connection.askServer(frame);
  const result = recordOf(response.message["result"]);
  if (result === undefined) return judgedInSession(connection, response);
  connection.version = textOf(result["protocolVersion"]);
  const changes: Change[] = [];
  for (const list of LIST_NAMES) {
    const offered = recordOf(recordOf(result["capabilities"])?.[list]);
    if (offered === undefined) continue;
    connection.lists.add(list);
    if (offered["listChanged"] !== true)
      changes.push({ path: ["result", "capabilities", list, "listChanged"], value: true });
  }
  const instructions = textOf(result["instructions"]);
  const judged = instructions === undefined ? undefined : await judgedInstructions(connection, instructions);
  if (judged !== instructions) changes.push({ path: ["result", "instructions"], value: judged ?? "" });
  return judgedSelf(connection, changes.length === 0 ? response : rewritten(response, changes));
}

/** @returns The instructions as rules left them; empty where they are withheld. */
async function judgedInstructions({ options, acting }: Connection, instructions: string): Promise<string> {
  const outcome = await options.plane.guard.toolCall<string>({
    context: {
      hookpoint: "before_prompt_get",
      ...acting,
      target: { name: "instructions", server: options.server },
    },
    run: () => instructions,
  });
  return outcome.status === "ran" ? outcome.result : "";
}
