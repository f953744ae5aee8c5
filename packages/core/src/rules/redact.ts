import * as z from "zod/mini";

import {
  REDACT_SURFACES,
  REDACT_TREATMENTS,
  type RedactObligation,
  type RedactSurface,
} from "../decision/obligation.ts";
import { omittable } from "../policy/omittable.ts";
import { mustHold } from "../policy/schema-check.ts";
import { requireDetectors, spanOf } from "./detectors.ts";
import { patternsParam } from "./pattern-params.ts";
import { defineRule, type CompiledRule } from "./rule.ts";
import { scanParams } from "./scan-rule.ts";
import { someOf } from "./some-of.ts";

const surfaceParam = z.enum(REDACT_SURFACES);

/**
 * Replaces named fields and detected text. It changes what is shown and written, never whether the call may run; what
 * is executed (`input`, `prompt`) is changed only where `from` says so.
 */
export const redact = defineRule({
  kind: "redact",
  timing: "blocking",
  hookpoints: ["*"],
  params: z
    .strictObject({
      fields: omittable(patternsParam),
      detect: scanParams.detect,
      from: z._default(someOf(surfaceParam), ["result", "response", "audit"]),
      treatment: z._default(z.enum(REDACT_TREATMENTS), "mask"),
    })
    .check(
      mustHold(({ fields, detect }) => fields !== undefined || detect !== undefined, "redacts nothing", {
        suggestion: "name fields: [ssn] or detect: [email]",
      }),
      mustHold(({ fields = [] }) => !fields.some((field) => field.startsWith("!")), "takes no exclusions", {
        at: "fields",
        suggestion: "list the fields to redact, globs allowed",
      }),
      // A path would match the name of no member, and redact nothing in silence.
      mustHold(({ fields = [] }) => !fields.some((field) => /[.[]/.test(field)), "takes names, no paths", {
        at: "fields",
        suggestion: "such as ssn, at any depth; user?ssn for a dot in a name",
      }),
    ),
  isStateless: true,
  isShared: true,
  compile({ fields = [], detect = [], from, treatment }, tools) {
    const detectors = detect.length === 0 ? [] : requireDetectors(detect, tools);
    const obligation: RedactObligation = Object.freeze({
      kind: "redact",
      from: Object.freeze([...from]),
      fields: Object.freeze([...fields]),
      detect: Object.freeze(detectors.map(({ name }) => name)),
      treatment,
    });
    return { obligations: Object.freeze([obligation]), ...spanFor(from, fields, spanOf(detectors)) };
  },
});

/** A field inside streamed JSON can be told only once the JSON is whole. */
function spanFor(
  from: readonly RedactSurface[],
  fields: readonly string[],
  span: NonNullable<CompiledRule["span"]>,
): Pick<CompiledRule, "span"> {
  if (!from.includes("response")) return {};
  return { span: fields.length > 0 ? "whole" : span };
}
