import * as fc from "fast-check";
import { expect, test } from "vitest";

import { MODES, type Mode, type ModeCell } from "../../src/policy/mode.ts";
import { cellOf, joinCells } from "../../src/policy/mode-table.ts";
import type { ToolTraits } from "../../src/policy/traits.ts";

const INNER_READ: ToolTraits = { access: "read", external: false };
const OUTER_READ: ToolTraits = { access: "read", external: true };
const INNER_WRITE: ToolTraits = { access: "write", external: false };
const OUTER_WRITE: ToolTraits = { access: "write", external: true };
const INNER_EXEC: ToolTraits = { access: "exec", external: false };
const OUTER_EXEC: ToolTraits = { access: "exec", external: true };
const SAFE_EXEC: ToolTraits = { access: "exec", external: true, safe: true };

/** What is asked of every mode: the columns of the literal table below. */
const COLUMNS: readonly (readonly [action: string, traits: ToolTraits | undefined])[] = [
  ["tool_call", INNER_READ],
  ["tool_call", OUTER_READ],
  ["tool_call", INNER_WRITE],
  ["tool_call", OUTER_WRITE],
  ["tool_call", INNER_EXEC],
  ["tool_call", OUTER_EXEC],
  ["tool_call", undefined],
  ["tool_call", SAFE_EXEC],
  ["resource_read", undefined],
  ["resource_read", INNER_READ],
  ["prompt_get", undefined],
  ["prompt_get", INNER_READ],
  ["model_call", undefined],
  ["handoff", undefined],
  ["elicitation", undefined],
  ["publish_post", undefined],
  ["agent", undefined],
  ["tool_list", undefined],
];

const CELLS: Readonly<Record<string, ModeCell>> = { ".": "allow", t: "throttle", a: "ask", X: "block" };

/** Letters in the order of the columns: `.` allow, `t` throttle, `a` ask, `X` block. */
const TRUTH: Readonly<Record<Mode, string>> = {
  //                ri ro wi wo ei eo un sf | res     pro    | mod han eli cus | agt lst
  READ_ONLY: /*   */ ".  .  X  X  X  X  X  X    .  .    .  .     .   .   .   .     .   .",
  NO_EXTERNAL: /* */ ".  X  .  X  .  X  X  X    X  .    X  .     .   .   .   .     .   .",
  RATE_THROTTLE: /**/ "t  t  t  t  t  t  t  t    t  t    t  t     t   .   .   .     .   .",
  HUMAN_LOOP: /*  */ "a  a  a  a  a  a  a  a    a  a    a  a     .   a   a   a     .   .",
  SAFE_TOOLS_ONLY: "X  X  X  X  X  X  X  .    X  X    X  X     .   X   X   X     .   .",
  FULL_BLOCK: /*  */ "X  X  X  X  X  X  X  X    X  X    X  X     X   X   X   X     X   X",
};

test.for(MODES)("all_six_modes_enforced: %s says of every action and tool what the table says", (mode) => {
  const expected = TRUTH[mode].split(/\s+/).map((letter) => CELLS[letter]);
  expect(expected).toHaveLength(COLUMNS.length);
  expect(COLUMNS.map(([action, traits]) => cellOf(mode, traits, action))).toStrictEqual(expected);
});

test("a tool of which only a part is declared is as strict as what is missing allows", () => {
  expect(cellOf("READ_ONLY", { external: false }, "tool_call")).toBe("block");
  expect(cellOf("NO_EXTERNAL", { access: "read" }, "tool_call")).toBe("block");
  expect(cellOf("SAFE_TOOLS_ONLY", { access: "read", external: false }, "tool_call")).toBe("block");
  expect(cellOf("SAFE_TOOLS_ONLY", { safe: true }, "tool_call")).toBe("allow");
});

const cell = fc.constantFrom<ModeCell>("allow", "throttle", "ask", "block");

test("stronger_mode_wins: cells join as a lattice, block > ask > throttle > allow", () => {
  expect(joinCells("ask", "throttle")).toBe("ask");
  expect(joinCells("throttle", "block")).toBe("block");
  expect(joinCells("throttle", "allow")).toBe("throttle");
  fc.assert(
    fc.property(cell, cell, cell, (a, b, c) => {
      expect(joinCells(a, a)).toBe(a);
      expect(joinCells(a, b)).toBe(joinCells(b, a));
      expect(joinCells(joinCells(a, b), c)).toBe(joinCells(a, joinCells(b, c)));
    }),
  );
});
