import { concernOf } from "./batch-files.ts";
import type { ActingIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { parseJson, recordOf } from "../protocol/json.ts";
import { refusalResponse } from "../call/refusal.ts";

// The answers of a batch come as one file, which anybody may have made: no policy has seen the calls, or what came of them.

/** How many characters of a file are looked at before it is taken for what it seems to be. */
const MAX_LOOKED_AT = 65_536;

/** A file that may hold the answers of a batch. */
export interface ResultsRequest {
  /** It is nothing else. */
  readonly isSure: boolean;
  read(): Promise<Response>;
}

/** The file as it came; or why it is not shown: it holds answers of a batch, and a policy concerns model calls. */
export async function batchResults(
  plane: Pick<GovernedPlane, "guard" | "hooks">,
  acting: ActingIdentity,
  { isSure, read }: ResultsRequest,
): Promise<Response> {
  const decisionId =
    (await concernOf(plane, acting, "before_model_call")) ??
    (await concernOf(plane, acting, "after_model_call"));
  if (decisionId === undefined) return read();
  const refused = (): Response => refusalResponse({ message: isSure ? RESULTS : FILE, decisionId }, isSure);
  if (isSure) return refused();
  const response = await read();
  // A part need not begin with a line: nothing tells what the file is.
  const isPart = response.status === 206;
  if (!isPart && (!response.ok || !(await holdsResults(response)))) return response;
  await response.body?.cancel();
  return refused();
}

/** Whether the first line is an answer of a batch; the body stays readable. */
async function holdsResults(response: Response): Promise<boolean> {
  const line = await firstLine(response.clone());
  const record = recordOf(parseJson(line));
  // Cut off: the names that a line begins with tell it.
  if (record === undefined) return /^\s*\{/.test(line) && line.includes('"custom_id"');
  return Object.hasOwn(record, "custom_id") && !Object.hasOwn(record, "method");
}

async function firstLine({ body }: Response): Promise<string> {
  if (body === null) return "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one piece after the other
    const next = await reader.read();
    if (next.done) return text;
    text = (text + next.value).trimStart();
    const end = text.indexOf("\n");
    if (end === -1 && text.length < MAX_LOOKED_AT) continue;
    // Not awaited: a copy counts as given up once the body that it was made of is, too.
    void reader.cancel();
    return end === -1 ? text : text.slice(0, end);
  }
}

const RESULTS =
  "The answers were not shown: no policy has seen the calls of a batch. Send the requests one by one, or list " +
  '"/results" in passthrough if that is wanted.';
const FILE =
  "The file was not shown: it holds the answers of a batch, whose calls no policy has seen, or is a part that may. Send " +
  'the requests one by one and read files whole, or list "/content" in passthrough if that is wanted.';
