import type { Mode, ModeCell } from "./mode.ts";
import type { ToolTraits } from "./traits.ts";

/** A cell as the table writes it; two depend on what is declared about the tool. */
type Entry = ModeCell | "allowInternal" | "allowSafe";

/** What a mode says about each kind of action. */
interface Row {
  readonly read: Entry;
  readonly write: Entry;
  readonly exec: Entry;
  /** Joined with the access column when the tool reaches outside; `allow` where the access alone decides. */
  readonly external: Entry;
  /** Resource reads and prompts. */
  readonly resource: Entry;
  readonly model: Entry;
  /** Handoffs, elicitations and custom hookpoints. */
  readonly other: Entry;
  /** Starting a run and listing tools: nothing happens by them alone, every step of theirs is judged by itself. */
  readonly start: Entry;
}

/** The table of the six modes, as data. */
const TABLE: Readonly<Record<Mode, Row>> = {
  READ_ONLY: row("allow", "block", "block", "allow", "allow", "allow", "allow"),
  NO_EXTERNAL: row("allow", "allow", "allowInternal", "block", "allowInternal", "allow", "allow"),
  RATE_THROTTLE: row("throttle", "throttle", "throttle", "throttle", "throttle", "throttle", "allow"),
  HUMAN_LOOP: row("ask", "ask", "ask", "ask", "ask", "allow", "ask"),
  SAFE_TOOLS_ONLY: row("allowSafe", "allowSafe", "allowSafe", "allowSafe", "block", "allow", "block"),
  FULL_BLOCK: { ...row("block", "block", "block", "block", "block", "block", "block"), start: "block" },
};

function row(
  ...[read, write, exec, external, resource, model, other]: [Entry, Entry, Entry, Entry, Entry, Entry, Entry]
): Row {
  return { read, write, exec, external, resource, model, other, start: "allow" };
}

const CELL_RANK: Readonly<Record<ModeCell, number>> = { allow: 0, throttle: 1, ask: 2, block: 3 };

/** The stricter of two cells: allow < throttle < ask < block. */
export function joinCells(a: ModeCell, b: ModeCell): ModeCell {
  return CELL_RANK[a] >= CELL_RANK[b] ? a : b;
}

/**
 * What a mode does to a call: the strictest of its access column and, for an external tool, of the external column.
 * @param traits As declared by the operator; undefined for an undeclared tool, which is the strictest of all.
 * @param action The action of the hookpoint, such as `tool_call`; what is not known by name is a custom one.
 */
export function cellOf(mode: Mode, traits: ToolTraits | undefined, action: string): ModeCell {
  const rules = TABLE[mode];
  switch (action) {
    case "tool_call":
      return toolCell(rules, traits);
    case "resource_read":
    case "prompt_get":
      return resolve(rules.resource, traits);
    case "model_call":
      return resolve(rules.model, traits);
    case "agent":
    case "tool_list":
      return resolve(rules.start, traits);
    default:
      return resolve(rules.other, traits);
  }
}

function toolCell(rules: Row, traits: ToolTraits | undefined): ModeCell {
  const byAccess =
    traits?.access === undefined
      ? joinCells(resolve(rules.write, traits), resolve(rules.exec, traits))
      : resolve(rules[traits.access], traits);
  return isExternal(traits) ? joinCells(byAccess, resolve(rules.external, traits)) : byAccess;
}

function resolve(entry: Entry, traits: ToolTraits | undefined): ModeCell {
  switch (entry) {
    case "allowInternal":
      return isExternal(traits) ? "block" : "allow";
    case "allowSafe":
      return traits?.safe === true ? "allow" : "block";
    default:
      return entry;
  }
}

function isExternal(traits: ToolTraits | undefined): boolean {
  return traits?.external !== false;
}
