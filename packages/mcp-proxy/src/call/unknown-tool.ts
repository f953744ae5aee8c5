import type { Frame } from "../frame/frame.ts";
import { recordOf, type JsonRecord } from "../frame/json.ts";
import { CODES, errorFrame, idOf, type RpcId } from "../frame/rpc.ts";
import { ownFrame } from "../frame/frame.ts";
import { isModern, type Connection } from "../connection/connection.ts";
import { judgedInSession } from "../judge/judged-answer.ts";

/** A name that no server has. */
const PROBE = "agentplane-no-such-tool";

/**
 * What the server itself says of a tool that does not exist, about this one. It is asked about a tool that nobody
 * has: once, and anew where a request says more than a call does. One that says nothing usable is given the words of the
 * specification.
 */
export async function unknownToolAnswer(
  connection: Connection,
  request: Frame,
  name: string,
): Promise<Frame> {
  const id = idOf(request.message) ?? "";
  const told = await answerToProbe(connection, request);
  return told === undefined ? specified(id, name) : judgedInSession(connection, about(told, id, name));
}

function answerToProbe(connection: Connection, request: Frame): Promise<Frame | undefined> {
  const { probes } = connection.lasting;
  // What else a request says may have another answer: as long as it is asked for, it is asked for just so.
  if (isUnusual(recordOf(request.message["params"]) ?? {}))
    return probe(connection, request, () => undefined);
  const era = isModern(request) ? "modern" : "legacy";
  const known = probes.get(era) ?? probe(connection, request, () => probes.delete(era));
  probes.set(era, known);
  return known;
}

const USUAL = new Set(["name", "arguments", "_meta"]);
const USUAL_META = /^io\.modelcontextprotocol\/(?:protocolVersion|clientInfo|clientCapabilities)$/;

function isUnusual(params: JsonRecord): boolean {
  const { arguments: input = {}, _meta: meta = {} } = params;
  const own = recordOf(meta);
  return (
    Object.keys(params).some((name) => !USUAL.has(name)) ||
    recordOf(input) === undefined ||
    own === undefined ||
    Object.keys(own).some((name) => !USUAL_META.test(name))
  );
}

/** What the tool would have got is nobody's to see: a server looks at most at what kind of value it is. */
function standInFor(input: unknown): unknown {
  if (Array.isArray(input)) return [];
  if (typeof input === "string") return "";
  if (typeof input === "number") return 0;
  return typeof input === "object" && input !== null ? {} : input;
}

async function probe(
  connection: Connection,
  { message }: Frame,
  forget: () => void,
): Promise<Frame | undefined> {
  const { arguments: input = {}, ...others } = recordOf(message["params"]) ?? {};
  try {
    const params = { ...others, name: PROBE, arguments: standInFor(input) };
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
