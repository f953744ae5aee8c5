import type { Frame } from "../frame/frame.ts";
import { recordOf } from "../frame/json.ts";
import { CODES, errorFrame, idOf, type RpcId } from "../frame/rpc.ts";
import { ownFrame } from "../frame/frame.ts";
import { isModern, type Connection } from "./connection.ts";
import { judgedInSession } from "./judged-answer.ts";

/** A name that no server has. */
const PROBE = "agentplane-no-such-tool";

/**
 * What the server itself says of a tool that does not exist, about this one. It is asked once, about a tool that nobody
 * has; one that says nothing usable is given the words of the specification.
 */
export async function unknownToolAnswer(
  connection: Connection,
  request: Frame,
  name: string,
): Promise<Frame> {
  const id = idOf(request.message) ?? "";
  const { probes } = connection.lasting;
  const era = isModern(request) ? "modern" : "legacy";
  const known = probes.get(era) ?? probe(connection, request, () => probes.delete(era));
  probes.set(era, known);
  const told = await known;
  return told === undefined ? specified(id, name) : judgedInSession(connection, about(told, id, name));
}

async function probe(
  connection: Connection,
  { message }: Frame,
  forget: () => void,
): Promise<Frame | undefined> {
  const meta = recordOf(message["params"])?.["_meta"];
  try {
    const params = { name: PROBE, arguments: {}, ...(meta !== undefined && { _meta: meta }) };
    return await connection.query("tools/call", params);
  } catch {
    // The server is gone: what the specification says is said instead, and it is asked again next time.
    forget();
    return undefined;
  }
}

function about({ text }: Frame, id: RpcId, name: string): Frame {
  // Inside JSON the name is written as JSON writes it; what looks like a pattern of replacements is none.
  const written = JSON.stringify(name).slice(1, -1);
  const message = recordOf(JSON.parse(text.replaceAll(PROBE, () => written))) ?? {};
  return ownFrame({ ...message, id });
}

function specified(id: RpcId, name: string): Frame {
  return errorFrame(id, { code: CODES.invalidParams, message: `Unknown tool: ${name}` });
}
