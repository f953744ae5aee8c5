import {
  Environment,
  EvaluationError,
  ParseError,
  TypeError,
  type ASTNode,
  type ParseResult,
} from "@marcbachmann/cel-js";
import { RE2JS } from "re2js";

import { AgentplaneError } from "../base/errors.ts";
import type { PolicyContext } from "../context/context.ts";
import type { CelCompiler } from "../rules/rule.ts";
import type { SessionView } from "../rules/session-view.ts";
import { celError, textOf } from "./cel-error.ts";
import { checkSubset } from "./check-subset.ts";
import type { CelValue } from "./cel-value.ts";
import { CEL_VARIABLES, valueOf, type CelVariable } from "./variables.ts";

const MAX_EXPRESSION_CHARS = 4_096;
const LIMITS = { maxAstNodes: 1_024, maxDepth: 32, maxListElements: 256 };
/** The method `matches` is evaluated by: the library's own would backtrack. */
const LINEAR_MATCHES = "linearMatches";

/**
 * The compiler for the `when` of condition: pass it as `createAgentPlane({ cel: createCel() })`.
 *
 * A listed subset of CEL, type-checked when the policy is loaded; see `check-subset.ts`. A value that is missing when
 * the expression runs throws, and the policy's `onError` decides.
 * @example createCel().compile('tool.name == "refund" && input.amount > 500');
 */
export function createCel(): CelCompiler {
  const patterns = new Map<string, RE2JS>();
  const environment = createEnvironment(patterns);
  return {
    compile(expression) {
      if (expression.length > MAX_EXPRESSION_CHARS) {
        throw celError(
          expression,
          `is longer than ${MAX_EXPRESSION_CHARS} characters`,
          "split it into several rules",
        );
      }
      const program = parse(environment, expression);
      const { variables, matches } = checkSubset(program.ast);
      for (const { node, pattern } of matches) {
        if (!patterns.has(pattern)) patterns.set(pattern, compilePattern(pattern, node));
        // Renamed before the type check resolves it: the library's own `matches` is a backtracking RegExp.
        node.args[0] = LINEAR_MATCHES;
      }
      checkTypes(program, expression);
      // checkSubset lets only declared names pass.
      return evaluator(program, [...variables] as readonly CelVariable[]);
    },
  };
}

function createEnvironment(patterns: ReadonlyMap<string, RE2JS>): Environment {
  const environment = new Environment({ limits: LIMITS });
  for (const [name, schema] of Object.entries(CEL_VARIABLES)) {
    if (typeof schema === "string") environment.registerVariable(name, schema);
    else environment.registerVariable({ name, schema });
  }
  environment.registerFunction(`string.${LINEAR_MATCHES}(string): bool`, (text: string, pattern: string) => {
    const compiled = patterns.get(pattern);
    if (compiled === undefined) throw celError(pattern, "was not compiled when the policy was loaded");
    return compiled.test(text);
  });
  return environment;
}

function parse(environment: Environment, expression: string): ParseResult {
  try {
    return environment.parse(expression);
  } catch (error) {
    throw celError(...problemOf(error, expression));
  }
}

function checkTypes(program: ParseResult, expression: string): void {
  const { valid, type, error } = program.check();
  if (!valid) throw celError(...problemOf(error, expression));
  if (type !== "bool" && type !== "dyn") {
    throw celError(expression, `is a ${type}, not a condition`, "compare it with something");
  }
}

/** The part the library points at, and what it says about it in one line. */
function problemOf(error: unknown, expression: string): [part: string, message: string] {
  const known = error instanceof ParseError || error instanceof TypeError ? error : undefined;
  const range = known?.range;
  const part = range === undefined ? "" : expression.slice(range.start, range.end);
  const message =
    known === undefined ? "could not be read" : known.summary.replaceAll(LINEAR_MATCHES, "matches");
  return [part === "" ? expression : part, `is wrong: ${message}`];
}

function compilePattern(pattern: string, node: ASTNode): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown syntax";
    throw celError(
      textOf(node),
      `has a pattern that RE2 does not take: ${why}`,
      "no look-around or back-references",
    );
  }
}

function evaluator(
  program: ParseResult,
  variables: readonly CelVariable[],
): (context: PolicyContext, session: SessionView | undefined) => boolean {
  return (context, session) => {
    const values: Record<string, CelValue> = {};
    for (const name of variables) {
      const value = valueOf(name, context, session);
      if (value !== undefined) values[name] = value;
    }
    const result: unknown = run(program, values);
    if (typeof result === "boolean") return result;
    throw new AgentplaneError(
      "rule_failed",
      "CEL: the expression gave no bool; compare the value with something",
    );
  };
}

/** The library's messages quote values of the call, so only the kind of failure passes on. */
function run(program: ParseResult, values: Readonly<Record<string, CelValue>>): unknown {
  try {
    return program(values);
  } catch (error) {
    const code = error instanceof EvaluationError ? error.code : "unknown";
    throw new AgentplaneError("rule_failed", `CEL: the expression could not be evaluated (${code})`, {
      data: { code },
    });
  }
}
