import type { ActingIdentity } from "../call/identity.ts";
import type { GovernedPlane } from "../call/plane.ts";
import { recordOf } from "../protocol/json.ts";
import type { Refusal } from "../call/refusal.ts";

// A file for a batch is a list of model calls. They run later, all at once, and nothing asks about them then.

/**
 * Why a file must not be uploaded: it is for a batch, and a policy concerns model calls.
 * @param request What `fetch` was given; its body is left readable.
 */
export async function refusedFile(
  plane: Pick<GovernedPlane, "guard" | "hooks">,
  acting: ActingIdentity,
  request: FileRequest,
): Promise<Refusal | undefined> {
  const purposes = await purposesOf(request);
  if (purposes?.some((purpose) => /^\s*batch\s*$/i.test(purpose)) === false) return undefined;
  const decisionId = await concernOf(plane, acting, "before_model_call");
  if (decisionId === undefined) return undefined;
  return { message: purposes === undefined ? UNREADABLE : FOR_BATCH, decisionId };
}

/**
 * Whether a policy or a hook concerns model calls of this agent, of any model.
 * @returns The id of what was decided, if so.
 */
export async function concernOf(
  { guard, hooks }: Pick<GovernedPlane, "guard" | "hooks">,
  acting: ActingIdentity,
  hookpoint: "before_model_call" | "after_model_call",
): Promise<string | undefined> {
  const call = { hookpoint, ...acting, model: { name: "unknown" } };
  const { effect, cause, id } = await guard.peek(
    hookpoint === "after_model_call" ? { ...call, result: "" } : call,
  );
  const isFree =
    effect === "allow" && cause === "no_policy" && !hooks.couldRunAt(hookpoint, guard.context(call));
  return isFree ? undefined : id;
}

/** A request that uploads a file. */
export interface FileRequest {
  readonly input: string | Request;
  readonly init: RequestInit | undefined;
}

/** What a file is said to be for; undefined where that cannot be read before it is sent. */
async function purposesOf({ input, init }: FileRequest): Promise<readonly string[] | undefined> {
  const body = init?.body;
  if (body instanceof FormData) return texts(body.getAll("purpose"));
  // To read it would be to use it up.
  if (body instanceof ReadableStream) return undefined;
  const request = typeof input === "string" ? undefined : input;
  const headers = new Headers(init?.headers ?? request?.headers);
  try {
    const given = body === undefined || body === null ? request?.clone() : new Response(body, { headers });
    if (given === undefined) return [];
    const isForm = /^multipart\//i.test(headers.get("content-type") ?? "");
    if (isForm) return texts((await given.formData()).getAll("purpose"));
    return texts([recordOf(await given.json())?.["purpose"]]);
  } catch {
    // Neither a form nor JSON: a server may read it otherwise.
    return undefined;
  }
}

function texts(values: readonly unknown[]): readonly string[] {
  return values.flatMap((value) => (typeof value === "string" ? [value] : []));
}

const HOW =
  `Send the requests one by one, or list "/files" and "/uploads" in passthrough, and "/batches" where the batch is made, ` +
  `if that is wanted.`;
const FOR_BATCH =
  "The upload was refused: a file for a batch is a list of model calls that would run where no policy sees them. " +
  HOW;
const UNREADABLE =
  "The upload was refused: what the file is for cannot be read, and one for a batch is a list of model calls that would " +
  `run where no policy sees them. ${HOW}`;
