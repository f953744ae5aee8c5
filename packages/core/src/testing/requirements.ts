/** What governing does to a call: the rows of the table of requirements. */
export const FEATURES = [
  "block",
  "ask",
  "redact",
  "rewrite",
  "kill",
  "READ_ONLY",
  "NO_EXTERNAL",
  "SAFE_TOOLS_ONLY",
  "FULL_BLOCK",
  "HUMAN_LOOP",
  "RATE_THROTTLE",
  "rate",
  "budget",
] as const;

/** How a framework may come to a call: the columns of the table. */
export const WAYS = [
  "plain",
  "stream",
  "parallel",
  "retry",
  "resume",
  "replay",
  "nested",
  "hidden",
  "invented",
  "aborted",
] as const;

/** The stable name of a requirement, such as `block.stream`. */
export type RequirementId = keyof typeof SENTENCES;

/** One thing that every adapter must show. */
export interface Requirement {
  readonly id: RequirementId;
  readonly sentence: string;
}

/** A crossing of the table, whether it is a requirement or not. */
export type Crossing = `${(typeof FEATURES)[number]}.${(typeof WAYS)[number]}`;

/** Every requirement: the whole table of features and ways but for {@link NOT_APPLICABLE}, and what stands beside it. */
const SENTENCES = {
  "block.plain": "A blocked tool call does not run, the model is told, and the run goes on.",
  "block.stream": "A blocked tool call of a streamed turn does not run.",
  "block.parallel": "Of the calls of one turn exactly the blocked ones do not run.",
  "block.retry": "A call that is blocked after its first attempt failed is not tried again.",
  "block.resume": "A policy that came while a run was paused blocks the call although it was approved.",
  "block.replay": "A blocked call stays blocked when the run is replayed with the same call ids.",
  "block.nested": "A blocked tool call of an agent inside a tool does not run.",
  "block.hidden":
    "A blocked tool is not offered to the model, and does not run when the model names it all the same.",
  "block.invented": "A name that no tool has runs no tool, however much it resembles one.",
  "block.aborted": "After the caller aborts, neither a tool nor a model is called.",
  "block.model": "A blocked model call is not made.",
  "block.result":
    "A result that a policy blocks is withheld, and the model is told that the call was executed.",
  "ask.plain": "A call that needs approval does not run and is reported as pending with its approval id.",
  "ask.stream": "A call of a streamed turn that needs approval does not run and is reported as pending.",
  "ask.parallel":
    "Every call of a turn needs its own approval: approving one runs no other, and it waits no more.",
  "ask.retry": "An approval is good for one attempt: the retry of a failed call asks again.",
  "ask.resume": "An approved call runs once, with the input that was approved; a denied one does not run.",
  "ask.replay": "An approval that was used does not let a replay run the call again.",
  "ask.nested": "A call inside a nested agent pauses the whole run, and runs once after it was approved.",
  "ask.aborted": "Aborting a paused run is not an approval.",
  "redact.plain": "What is redacted from a result or a response reaches neither the model nor the caller.",
  "redact.stream": "What is redacted from a response never leaves a stream, not even split over its pieces.",
  "redact.parallel": "The results of all calls of one turn are redacted.",
  "redact.retry": "The error text of a failed attempt and the result of the retry are redacted.",
  "redact.resume": "The result of a call that ran after an approval is redacted.",
  "redact.replay": "A replay shows no unredacted result of the call that ran before.",
  "redact.nested": "What a nested agent's tools give is redacted for the inner and the outer model.",
  "redact.aborted": "What a stream still holds back when the caller aborts is never released.",
  "redact.prompt": "What is redacted from a prompt is not sent to the provider.",
  "redact.observed":
    "What is redacted from a result or a response is in no event, callback or saved state of the framework.",
  "rewrite.plain": "A tool is executed with the rewritten input.",
  "rewrite.stream": "A tool called in a streamed turn is executed with the rewritten input.",
  "rewrite.parallel": "Every call of one turn is executed with its own rewritten input.",
  "rewrite.retry": "Every attempt of a call is executed with the rewritten input.",
  "rewrite.resume": "An approved call is executed with the rewritten input.",
  "rewrite.replay": "A rewritten call that ran is not run again by a replay of what the model had asked.",
  "rewrite.nested": "A tool of a nested agent is executed with the rewritten input.",
  "kill.plain": "After an agent was unplugged, neither a tool nor a model is called.",
  "kill.stream": "Unplugging an agent cuts its stream: nothing that comes later reaches the caller.",
  "kill.parallel": "The results of calls that ran while their agent was unplugged are withheld.",
  "kill.model": "The answer of a model call that runs while its agent is unplugged is discarded.",
  "kill.signal": "The signal of a tool that runs while its agent is unplugged fires.",
  "kill.retry": "A call that failed while its agent was unplugged is not tried again.",
  "kill.resume":
    "An agent that was unplugged while a run was paused does not go on, although it was approved.",
  "kill.replay": "A replay of a run whose agent is unplugged runs nothing.",
  "kill.nested": "Unplugging the outer agent stops the agent inside its tool.",
  "kill.hidden":
    "An unplugged tool is not offered to the model, and does not run when the model names it all the same.",
  "READ_ONLY.plain": "READ_ONLY: a tool that writes does not run; an allowed one does.",
  "READ_ONLY.stream": "READ_ONLY: a tool that writes does not run when a streamed turn calls it.",
  "READ_ONLY.parallel": "READ_ONLY: of the calls of one turn exactly the allowed ones run.",
  "READ_ONLY.retry": "READ_ONLY, set while a call failed: the call is not tried again.",
  "READ_ONLY.resume": "READ_ONLY, set while a run was paused: the approved call does not run.",
  "READ_ONLY.replay": "READ_ONLY: a replay does not run what the mode forbade.",
  "READ_ONLY.nested":
    "READ_ONLY, set for the outer agent: a tool that writes of the agent inside does not run.",
  "READ_ONLY.hidden":
    "READ_ONLY: a tool that writes is not offered, and does not run when the model names it all the same.",
  "READ_ONLY.invented":
    "READ_ONLY: a name that no tool has runs no tool, even if it resembles an allowed one.",
  "NO_EXTERNAL.plain": "NO_EXTERNAL: a tool that reaches outside does not run; an allowed one does.",
  "NO_EXTERNAL.stream":
    "NO_EXTERNAL: a tool that reaches outside does not run when a streamed turn calls it.",
  "NO_EXTERNAL.parallel": "NO_EXTERNAL: of the calls of one turn exactly the allowed ones run.",
  "NO_EXTERNAL.retry": "NO_EXTERNAL, set while a call failed: the call is not tried again.",
  "NO_EXTERNAL.resume": "NO_EXTERNAL, set while a run was paused: the approved call does not run.",
  "NO_EXTERNAL.replay": "NO_EXTERNAL: a replay does not run what the mode forbade.",
  "NO_EXTERNAL.nested":
    "NO_EXTERNAL, set for the outer agent: a tool that reaches outside of the agent inside does not run.",
  "NO_EXTERNAL.hidden":
    "NO_EXTERNAL: a tool that reaches outside is not offered, and does not run when the model names it all the same.",
  "NO_EXTERNAL.invented":
    "NO_EXTERNAL: a name that no tool has runs no tool, even if it resembles an allowed one.",
  "SAFE_TOOLS_ONLY.plain":
    "SAFE_TOOLS_ONLY: a tool that is not declared safe does not run; an allowed one does.",
  "SAFE_TOOLS_ONLY.stream":
    "SAFE_TOOLS_ONLY: a tool that is not declared safe does not run when a streamed turn calls it.",
  "SAFE_TOOLS_ONLY.parallel": "SAFE_TOOLS_ONLY: of the calls of one turn exactly the allowed ones run.",
  "SAFE_TOOLS_ONLY.retry": "SAFE_TOOLS_ONLY, set while a call failed: the call is not tried again.",
  "SAFE_TOOLS_ONLY.resume": "SAFE_TOOLS_ONLY, set while a run was paused: the approved call does not run.",
  "SAFE_TOOLS_ONLY.replay": "SAFE_TOOLS_ONLY: a replay does not run what the mode forbade.",
  "SAFE_TOOLS_ONLY.nested":
    "SAFE_TOOLS_ONLY, set for the outer agent: a tool that is not declared safe of the agent inside does not run.",
  "SAFE_TOOLS_ONLY.hidden":
    "SAFE_TOOLS_ONLY: a tool that is not declared safe is not offered, and does not run when the model names it all the same.",
  "SAFE_TOOLS_ONLY.invented":
    "SAFE_TOOLS_ONLY: a name that no tool has runs no tool, even if it resembles an allowed one.",
  "FULL_BLOCK.plain": "FULL_BLOCK: from the next hookpoint on neither a tool nor a model is called.",
  "FULL_BLOCK.stream": "FULL_BLOCK, set in a streamed run: neither a tool nor a model is called any more.",
  "FULL_BLOCK.parallel": "FULL_BLOCK: the results of calls that ran while it was set are withheld.",
  "FULL_BLOCK.retry": "FULL_BLOCK, set while a call failed: the call is not tried again.",
  "FULL_BLOCK.resume": "FULL_BLOCK, set while a run was paused: the approved call does not run.",
  "FULL_BLOCK.replay": "FULL_BLOCK: a replay runs nothing.",
  "FULL_BLOCK.nested": "FULL_BLOCK, set for the outer agent: the agent inside its tool stops.",
  "HUMAN_LOOP.plain": "HUMAN_LOOP: a call does not run and is reported as pending.",
  "HUMAN_LOOP.stream": "HUMAN_LOOP: a call of a streamed turn does not run and is reported as pending.",
  "HUMAN_LOOP.parallel": "HUMAN_LOOP: approving one call of a turn does not run another.",
  "HUMAN_LOOP.retry": "HUMAN_LOOP: the retry of a failed call asks again.",
  "HUMAN_LOOP.resume": "HUMAN_LOOP: an approved call runs once; a denied one does not run.",
  "HUMAN_LOOP.replay": "HUMAN_LOOP: an approval that was used does not let a replay run the call again.",
  "HUMAN_LOOP.nested":
    "HUMAN_LOOP, set for the inner agent: its call pauses the whole run and runs once when approved.",
  "HUMAN_LOOP.aborted": "HUMAN_LOOP: aborting a paused run is not an approval.",
  "RATE_THROTTLE.plain": "RATE_THROTTLE: exactly as many model and tool calls are made as the mode allows.",
  "RATE_THROTTLE.stream": "RATE_THROTTLE: streamed model calls take slots like any others.",
  "RATE_THROTTLE.parallel": "RATE_THROTTLE: of the calls of one turn exactly as many run as there are slots.",
  "RATE_THROTTLE.retry": "RATE_THROTTLE: every attempt takes a slot.",
  "RATE_THROTTLE.resume": "RATE_THROTTLE: a call that was paused takes one slot, when it runs.",
  "RATE_THROTTLE.replay": "RATE_THROTTLE: a replayed call that is refused takes no slot.",
  "RATE_THROTTLE.nested": "RATE_THROTTLE, set for the outer agent: the agent inside is throttled too.",
  "rate.plain": "A call above a rate limit does not run.",
  "rate.stream": "A call of a streamed turn above a rate limit does not run.",
  "rate.parallel": "Of the calls of one turn exactly as many run as the rate limit has room for.",
  "rate.retry": "Every attempt of a call counts.",
  "rate.resume": "A call that was paused counts once.",
  "rate.replay": "A replayed call that is refused does not count.",
  "rate.nested": "The calls of a nested agent count against the limit that its tenant shares.",
  "rate.aborted": "A call that ran before the caller aborted counts; one that never started does not.",
  "budget.plain": "What a model call used is charged: a call that no longer fits is not made.",
  "budget.stream": "What a streamed model call used is charged: a call that no longer fits is not made.",
  "budget.parallel":
    "A running model call holds its estimate: a second one that does not fit beside it is not made.",
  "budget.retry": "A model call that failed before it answered gives its estimate back.",
  "budget.resume": "Going on after a pause does not charge the model call before it again.",
  "budget.nested": "What a nested agent's model used is charged to the tenant it shares.",
  "budget.aborted":
    "A stream that the caller aborts is charged for what it gave, and holds nothing any more.",
  "budget.clamp": "A model is not asked for more output than was reserved.",
  "audit.decision": "Every tool call leaves exactly one decision in the audit trail, whether it ran or not.",
  "audit.outcome": "Every call that was let through leaves exactly one outcome in the audit trail.",
  "audit.parallel": "The calls of one turn leave one decision each.",
  "audit.resume": "A pause leaves one decision that asks, and going on leaves one that allows.",
  "fault.rule": "A rule that throws blocks the call.",
  "fault.context": "An input that cannot be judged blocks the call.",
  "fault.store": "While the state store does not answer, no tool runs.",
  "fault.audit": "While decisions cannot be recorded, no tool runs.",
  "isolation.limit": "A limit that one tenant has used up does not stop another.",
  "isolation.kill": "Unplugging one tenant stops that tenant's agent and no other's.",
  "isolation.approval": "An approval of one tenant does not run another tenant's call of the same id.",
  "passthrough.plain":
    "A plane that allows everything changes nothing: inputs, results, prompts and the answer stay as they were.",
  "passthrough.stream": "A plane that allows everything changes no piece of a stream.",
  "passthrough.error": "A plane that allows everything leaves a tool's error what it was.",
  "passthrough.shadow": "A shadow policy that would block changes nothing.",
} as const;

/** {@link SENTENCES} as a list, in its order. */
export const REQUIREMENTS: readonly Requirement[] = Object.entries(SENTENCES).map(([id, sentence]) => ({
  // Object.entries forgets the names of the literal above.
  id: id as RequirementId,
  sentence,
}));
