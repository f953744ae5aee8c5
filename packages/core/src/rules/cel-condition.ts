import { AgentplaneError } from "../base/errors.ts";
import type { PolicyContext } from "../context/context.ts";
import { inputOf } from "../context/create-context.ts";
import type { CompiledWhere } from "./compile-where.ts";
import type { CompileTools, RuleRead } from "./rule.ts";
import { isSilent } from "./where-field.ts";
import type { Truth } from "./where-truth.ts";

/** Texts, whose words are no variables. */
const CEL_TEXT = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g;
/** Every word, and whether it is a variable or a member of something. */
const CEL_WORD = /(\.\s*)?\b([A-Za-z_]\w*)\b/g;

/** The variables that only some hookpoints carry. */
const SECTIONS: Readonly<Record<string, (context: PolicyContext) => unknown>> = {
  tool: ({ tool }) => tool,
  model: ({ model }) => model,
  target: ({ target }) => target,
  api: ({ api }) => api,
  // A tool call has an input, whatever was left out of it.
  input: (context) => context.tool ?? inputOf(context),
  result: ({ result }) => result,
  isError: ({ isError, result }) => isError ?? result,
  usage: (context) => isSilent(context) || context.usage,
};

/**
 * Compiles the `when` of a condition. An expression that cannot be answered because it names something this hookpoint
 * does not carry makes the rule skip; any other failure is an error.
 * @throws ConfigError through `tools.fail` without CEL, or for an expression it does not take.
 */
export function compileCelCondition(when: string, tools: CompileTools): CompiledWhere {
  const holds = compileExpression(when, tools);
  const { variables, words } = wordsOf(when);
  const sections = Object.entries(SECTIONS).filter(([name]) => variables.has(name));
  return {
    test({ context, session }): Truth {
      try {
        return holds(context, session);
      } catch (error) {
        const absent = sections.find(([, read]) => read(context) === undefined);
        // CEL has tried: what can be decided without the absent part has been.
        if (absent === undefined || !isUnanswerable(error)) throw error;
        return { unanswered: "inapplicable", subject: absent[0] };
      }
    },
    reads: readsOf(variables, words),
    isAboutOutcome: ["result", "usage", "isError", "hookpoint"].some((name) => variables.has(name)),
  };
}

/** How CEL comes in, for load errors. */
export const HOW_TO_CEL = "pass createAgentPlane({ cel: createCel() }) from @agentplane/core/cel";

function compileExpression(
  when: string,
  { cel, fail }: CompileTools,
): ReturnType<NonNullable<CompileTools["cel"]>["compile"]> {
  if (cel === undefined) {
    return fail("when", "needs CEL", HOW_TO_CEL);
  }
  try {
    return cel.compile(when);
  } catch (error) {
    if (!(error instanceof AgentplaneError)) throw error;
    // The compiler knows what is wrong, the rule knows where.
    return fail("when", error.message);
  }
}

function isUnanswerable(error: unknown): boolean {
  return error instanceof AgentplaneError && error.code === "rule_failed";
}

function wordsOf(when: string): { variables: ReadonlySet<string>; words: ReadonlySet<string> } {
  const variables = new Set<string>();
  const words = new Set<string>();
  for (const [, dot, word = ""] of when.replaceAll(CEL_TEXT, '""').matchAll(CEL_WORD)) {
    words.add(word);
    if (dot === undefined) variables.add(word);
  }
  return { variables, words };
}

/** A member counts too where it may be content (`tool.input`, `model.messages`): a preview rather knows too little. */
function readsOf(variables: ReadonlySet<string>, words: ReadonlySet<string>): ReadonlySet<RuleRead> {
  const reads = new Set<RuleRead>();
  for (const read of ["input", "messages", "result", "usage", "api"] as const)
    if (words.has(read)) reads.add(read);
  if (variables.has("history")) reads.add("session");
  return reads;
}
