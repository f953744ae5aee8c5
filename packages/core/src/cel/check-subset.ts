import type { ASTNode } from "@marcbachmann/cel-js";

import { suggest } from "../base/did-you-mean.ts";
import { celError, textOf } from "./cel-error.ts";
import { CEL_VARIABLES } from "./variables.ts";

/** What reading an expression found that compiling it needs. */
export interface SubsetFindings {
  /** The variables it refers to: only these are prepared for a call. */
  readonly variables: ReadonlySet<string>;
  /** Its `matches` calls, in order of appearance. */
  readonly matches: readonly MatchesCall[];
}

/** One `receiver.matches("pattern")`; the pattern is always written out. */
export interface MatchesCall {
  readonly node: MethodNode;
  readonly pattern: string;
}

type MethodNode = Extract<ASTNode, { op: "rcall" }>;

const OPERATORS: ReadonlySet<string> = new Set([
  "&&",
  "||",
  "!_",
  "==",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
  "in",
  "+",
  "-",
  "*",
  "/",
  "%",
  "-_",
  ".",
  "[]",
  "list",
  "value",
  "id",
  "call",
  "rcall",
]);
const METHODS = { size: 0, startsWith: 1, endsWith: 1, contains: 1, matches: 1, all: 2, exists: 2 } as const;
const FUNCTIONS = { size: 1, has: 1 } as const;
const HINT = `use comparisons, && || !, in, + - * / %, ${[...Object.keys(FUNCTIONS), ...Object.keys(METHODS).slice(1)].join(", ")}`;

/**
 * Refuses what lies outside the listed subset of CEL: comparison, boolean, `in`, arithmetic, `size`, `has`,
 * `startsWith`, `endsWith`, `contains`, `matches`, `all`, `exists`. Exactly what the oracle tests cover.
 * @throws AgentplaneError `config_invalid` naming the offending part
 */
export function checkSubset(root: ASTNode): SubsetFindings {
  const variables = new Set<string>();
  const matches: MatchesCall[] = [];
  visit(root, { variables, matches, bound: [] });
  return { variables, matches };
}

interface Visit {
  readonly variables: Set<string>;
  readonly matches: MatchesCall[];
  /** The iteration variables in force, outermost first. */
  readonly bound: readonly string[];
}

function visit(node: ASTNode, at: Visit): void {
  if (!OPERATORS.has(node.op)) throw celError(textOf(node), "is not supported", HINT);
  switch (node.op) {
    case "value":
      return checkLiteral(node);
    case "id":
      return checkName(node, at);
    case ".":
      return visit(node.args[0], at);
    case "!_":
    case "-_":
      return visit(node.args, at);
    case "list":
      for (const item of node.args) visit(item, at);
      return;
    case "call":
      return checkCall(node, at);
    case "rcall":
      return checkMethod(node, at);
    default:
      return visitBoth(node, at);
  }
}

function visitBoth(node: ASTNode, at: Visit): void {
  // Every operator left takes two operands; the library's union does not single them out.
  const [left, right] = node.args as [ASTNode, ASTNode];
  visit(left, at);
  visit(right, at);
}

function checkLiteral(node: Extract<ASTNode, { op: "value" }>): void {
  const value: unknown = node.args;
  const isPlain = value === null || ["string", "bigint", "number", "boolean"].includes(typeof value);
  if (!isPlain)
    throw celError(textOf(node), "is not supported", "use int, double, string, bool or null literals");
}

function checkName(node: Extract<ASTNode, { op: "id" }>, at: Visit): void {
  const name = node.args;
  if (at.bound.includes(name)) return;
  if (!Object.hasOwn(CEL_VARIABLES, name)) {
    throw celError(name, "is not a variable", suggest(name, Object.keys(CEL_VARIABLES)));
  }
  at.variables.add(name);
}

function checkCall(node: Extract<ASTNode, { op: "call" }>, at: Visit): void {
  const [name, args] = node.args;
  checkArity(node, { name, given: args.length, known: FUNCTIONS, what: "function" });
  for (const argument of args) {
    if (name === "has" && argument.op !== ".") {
      throw celError(textOf(node), "asks about something that is no field", "write has(input.amount)");
    }
    visit(argument, at);
  }
}

function checkMethod(node: MethodNode, at: Visit): void {
  const [name, receiver, args] = node.args;
  checkArity(node, { name, given: args.length, known: METHODS, what: "method" });
  visit(receiver, at);
  if (name === "all" || name === "exists") return checkMacro(node, at);
  for (const argument of args) visit(argument, at);
  if (name === "matches") at.matches.push(matchesCall(node));
}

/** Iterating over outer data inside an iteration would take quadratic time; over the element's own parts it does not. */
function checkMacro(node: MethodNode, at: Visit): void {
  const [name, receiver, args] = node.args;
  const [variable, body] = args;
  if (variable?.op !== "id" || body === undefined) {
    throw celError(textOf(node), "needs a variable and a condition", `write list.${name}(item, item.ok)`);
  }
  if (Object.hasOwn(CEL_VARIABLES, variable.args) || at.bound.includes(variable.args)) {
    throw celError(variable.args, "is already a variable", "give the iteration variable another name");
  }
  const innermost = at.bound.at(-1);
  if (innermost !== undefined && rootOf(receiver) !== innermost) {
    throw celError(
      textOf(node),
      "iterates over outer data inside an iteration",
      `iterate over parts of ${innermost}`,
    );
  }
  visit(body, { ...at, bound: [...at.bound, variable.args] });
}

function rootOf(node: ASTNode): string | undefined {
  if (node.op === "id") return node.args;
  return node.op === "." || node.op === "[]" ? rootOf(node.args[0]) : undefined;
}

function matchesCall(node: MethodNode): MatchesCall {
  const [, , [pattern]] = node.args;
  if (pattern?.op !== "value" || typeof pattern.args !== "string") {
    throw celError(textOf(node), "builds its pattern from data", "write the pattern out as a text");
  }
  return { node, pattern: pattern.args };
}

function checkArity(
  node: ASTNode,
  {
    name,
    given,
    known,
    what,
  }: { name: string; given: number; known: Readonly<Record<string, number>>; what: string },
): void {
  if (!Object.hasOwn(known, name)) throw celError(textOf(node), `calls an unsupported ${what} ${name}`, HINT);
  const wanted = known[name];
  if (given !== wanted)
    throw celError(textOf(node), `passes ${given} arguments to ${name}`, `it takes ${wanted}`);
}
