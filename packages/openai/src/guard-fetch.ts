import { AgentplaneError, checkIdentity, type Denied } from "@agentplane/core";

import { awaitApproval, createPatience, PendingRequests } from "./http/approval-wait.ts";
import { refusedFile } from "./batch/batch-files.ts";
import { batchResults } from "./batch/batch-results.ts";
import type { Endpoint } from "./http/endpoint.ts";
import { governedAnswer } from "./model/governed-answer.ts";
import { governedStream } from "./model/governed-stream.ts";
import { checkOptions, type GuardFetchOptions } from "./guard-options.ts";
import { identityOf, type ActingIdentity, type GovernedIdentity } from "./call/identity.ts";
import { KnownEndpoints } from "./http/known-endpoints.ts";
import { describeRequest } from "./model/model-request.ts";
import { readRequest, targetOf, type Fetch, type NativeRequest } from "./http/native-request.ts";
import type { GovernedPlane } from "./call/plane.ts";
import type { Dialect, RemoteAnswer } from "./protocol/dialect.ts";
import type { JsonRecord } from "./protocol/json.ts";
import { isDescription } from "./protocol/stored-items.ts";
import { answerWith } from "./http/provider-error.ts";
import { refusalOf, refusalOfError, refusalResponse } from "./call/refusal.ts";
import { asPartOf, takeSentCall, type TakenCall } from "./call/sent-calls.ts";
import { askedFor, unseenRefusal, type UnaskedCalls } from "./model/unasked-calls.ts";
import { askedRemoteCalls, withRemoteCalls, type RemoteCalls } from "./model/remote-calls.ts";

/**
 * A `fetch` whose model calls pass a plane: for the `openai` client and any other SDK that takes a `fetch` and speaks
 * the API of OpenAI or Anthropic. It answers a block as the API would, in one attempt, and throws only what the `fetch`
 * below throws.
 * @param plane What `createAgentPlane` returned.
 * @param identity Who acts.
 * @throws ConfigError for a member or an option that would do nothing, and an empty name
 * @example const anthropic = new Anthropic({ fetch: guardFetch(plane, { agent: "writer" }) });
 */
export function guardFetch(
  plane: GovernedPlane,
  identity: GovernedIdentity,
  options: GuardFetchOptions = {},
): Fetch {
  checkIdentity("guardFetch", identity);
  checkOptions(options);
  const acting = identityOf(identity);
  const governed = { plane, acting, options, pending: new PendingRequests() };
  const endpoints = new KnownEndpoints(options.passthrough ?? []);
  return async function agentplaneFetch(input, init) {
    // Read at each call: whoever replaces the global one, such as a test or a tracer, does so for us too.
    const inner = options.fetch ?? globalThis.fetch;
    const target = targetOf(input);
    const { address, endpoint } = endpoints.of(target, init);
    if (endpoint.kind === "data") return inner(target, init);
    if (endpoint.kind === "unseen") return refusalResponse({ message: unseen(endpoint.path) });
    if (endpoint.kind === "file") {
      const refusal = await refusedFile(plane, acting, { input: target, init });
      return refusal === undefined ? inner(target, init) : refusalResponse(refusal);
    }
    if (endpoint.kind === "results")
      return batchResults(plane, acting, { isSure: endpoint.isSure, read: () => inner(target, init) });
    const reading = readRequest(inner, address, { input: target, init });
    const native = reading instanceof Promise ? await reading : reading;
    if (endpoint.kind === "description") {
      const isRefused = native.json === undefined || !isDescription(native.json);
      return isRefused ? refusalResponse({ message: unseen(endpoint.path) }) : native.send({});
    }
    return answerOf(governed, endpoint, native);
  };
}

interface Governed {
  readonly plane: GovernedPlane;
  readonly acting: ActingIdentity;
  readonly options: GuardFetchOptions;
  readonly pending: PendingRequests;
  /** How long this request may still wait for humans. */
  readonly leftMs: () => number;
}

type ModelEndpoint = Extract<Endpoint, { kind: "model" }>;

/** Nothing of ours is thrown: an SDK takes any error of `fetch` for a broken connection, and tries again. */
async function answerOf(
  governed: Omit<Governed, "leftMs">,
  endpoint: ModelEndpoint,
  native: NativeRequest,
): Promise<Response> {
  const isAnthropic = endpoint.dialect.provider === "anthropic";
  let refused: Response | undefined;
  const watched: NativeRequest = { ...native, onRefused: (response) => void (refused = response) };
  const leftMs = createPatience(native, governed.options.approvalWaitMs ?? 0);
  try {
    const answer = await governedCall({ ...governed, leftMs }, endpoint, watched);
    return answer instanceof Response ? answer : refusalResponse(refusalOf(answer), isAnthropic);
  } catch (error) {
    if (error instanceof AgentplaneError) return refusalResponse(refusalOfError(error), isAnthropic);
    // What the provider said, as rules left it.
    if (refused !== undefined && error instanceof Error) return answerWith(refused, error.message);
    // The connection broke, or the caller gave up: that is for the SDK to handle.
    throw error;
  }
}

/** Decides what was not decided around it, and sends. */
async function governedCall(
  governed: Governed,
  { dialect, isStored }: ModelEndpoint,
  native: NativeRequest,
): Promise<Response | Denied> {
  const { plane, acting, options } = governed;
  const given = native.json ?? native.form;
  if (given === undefined) return refusalResponse({ message: UNREADABLE });
  if (dialect.isKnown?.(given) === false) return refusalResponse({ message: unseen(native.url.pathname) });
  const isJudgingCalls = (options.proposedCalls ?? "judge") === "judge";
  const how = options.unaskedCalls ?? (isJudgingCalls ? "judge" : "leave");
  const asking = askedFor(plane, { dialect, body: given, acting, how });
  const { body, refusal } = asking instanceof Promise ? await asking : asking;
  if (refusal !== undefined) return refusalResponse(refusal);
  const call = { dialect, isStored, native, given, body, how, isJudgingCalls };
  const taken = isStored ? undefined : takeSentCall(plane, { acting, dialect, body });
  if (taken === undefined) return decidedCall(governed, call);
  const json = body === given ? undefined : body;
  return asPartOf(taken, () =>
    taken.isDecided ? native.send({ json }) : decidedCall(governed, { ...call, taken }),
  );
}

interface AskedCall {
  readonly dialect: Dialect;
  readonly isStored: boolean;
  readonly native: NativeRequest;
  /** As it was asked for, and as remote MCP servers must ask. */
  readonly given: JsonRecord;
  readonly body: JsonRecord;
  readonly how: UnaskedCalls;
  readonly isJudgingCalls: boolean;
  /** The agent's call that it is a part of: what it says yes to is decided there. */
  readonly taken?: TakenCall;
}

/** Decides, sends, and waits for a human as often as the plane finds that one is needed. */
async function decidedCall(governed: Governed, call: AskedCall): Promise<Response | Denied> {
  const { plane, acting, pending } = governed;
  const { dialect, isStored, native, given, how, taken } = call;
  const asked =
    call.isJudgingCalls && taken === undefined
      ? remoteCallsOf(governed, native, { dialect, body: call.body, acting })
      : NO_CALLS;
  const remote = asked instanceof Promise ? await asked : asked;
  if (remote.refusal !== undefined) return refusalResponse(remote.refusal);
  const { calls, known } = remote;
  const body = known.length === 0 ? call.body : (dialect.withRemoteRequests?.(call.body, known) ?? call.body);
  const sending = calls.length === 0 ? native : withRemoteCalls(plane, native, { calls, dialect });
  const { stream } = dialect;
  const isStreamed =
    stream !== undefined &&
    (stream.isAsked(body) || (native.url.search !== "" && native.url.searchParams.get("stream") === "true"));
  const isJudgingCalls = call.isJudgingCalls && taken?.isOfSdk !== true;
  const sent = { native: sending, isJudgingCalls, countedBy: taken?.countedBy };
  // Sent again it asks nobody again. Nothing else of a request is remembered: each is a call of its own.
  const questionId = plane.hasResolver ? pending.questionIdOf(native) : undefined;
  for (;;) {
    const described = { dialect, identity: acting, body, isChanged: body !== given, questionId, isStored };
    const describing = describeRequest(plane, described);
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const request = describing instanceof Promise ? await describing : describing;
    const judging = isStored ? undefined : unseenRefusal(plane, { dialect, body: request.body, acting, how });
    // oxlint-disable-next-line no-await-in-loop
    const refusal = judging instanceof Promise ? await judging : judging;
    if (refusal !== undefined) return refusalResponse(refusal, dialect.provider === "anthropic");
    // oxlint-disable-next-line no-await-in-loop
    const answer = await (isStreamed
      ? governedStream(plane, { ...sent, request, stream })
      : governedAnswer(plane, { ...sent, request }));
    if (answer instanceof Response || answer.status === "blocked") {
      pending.delete(native);
      return answer;
    }
    if (questionId !== undefined) pending.add(native, questionId);
    // oxlint-disable-next-line no-await-in-loop
    if (!(await isApproved(governed, native, answer.approvalId))) return answer;
  }
}

const NO_CALLS: RemoteCalls = { calls: [], known: [] };

/** Finds the calls that a request makes run at the provider, and waits for the humans that they need. */
function remoteCallsOf(
  governed: Governed,
  native: NativeRequest,
  {
    dialect,
    body,
    acting,
  }: { readonly dialect: Dialect; readonly body: JsonRecord; readonly acting: ActingIdentity },
): RemoteCalls | Promise<RemoteCalls> {
  if (dialect.keepsApprovals?.(body) === true) return { refusal: { message: KEPT_APPROVAL } };
  const answers = dialect.remoteAnswers?.(body) ?? [];
  return answers.length === 0 ? NO_CALLS : askedUntilAnswered(governed, native, { acting, answers });
}

async function askedUntilAnswered(
  governed: Governed,
  native: NativeRequest,
  { acting, answers }: { readonly acting: ActingIdentity; readonly answers: readonly RemoteAnswer[] },
): Promise<RemoteCalls> {
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- each turn follows from a human's answer to the one before
    const asked = await askedRemoteCalls(governed.plane, acting, answers);
    const approvalId = asked.refusal?.approvalId;
    // oxlint-disable-next-line no-await-in-loop
    if (approvalId === undefined || !(await isApproved(governed, native, approvalId))) return asked;
  }
}

function isApproved({ plane, leftMs }: Governed, native: NativeRequest, approvalId: string) {
  return awaitApproval(plane, approvalId, { waitMs: leftMs(), signal: native.signal });
}

const UNREADABLE =
  "The request was refused: its body is no JSON object and no form that says each member once, so no policy can read it.";
const KEPT_APPROVAL =
  "The request was refused: it stores a yes to a remote MCP server, which would run with a later request, unseen. " +
  "Send the mcp_approval_response in the input of the request that goes on.";

function unseen(path: string): string {
  return (
    `The request to ${path} was refused: a model may run behind it where no policy sees it. ` +
    `If that is wanted, list the end of its path in passthrough.`
  );
}
