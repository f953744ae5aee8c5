import * as z from "zod/mini";

import { compilePatterns } from "../policy/compile-selector.ts";
import { omittable } from "../policy/omittable.ts";
import { patternsParam } from "./pattern-params.ts";
import { defineRule, NEEDS_NO_TEXT } from "./rule.ts";

/** Blocks calls without a tenant, or of a tenant that is not listed. */
export const requireTenant = defineRule({
  kind: "requireTenant",
  timing: "blocking",
  hookpoints: ["*"],
  params: z.strictObject({ tenants: omittable(patternsParam) }),
  isStateless: true,
  compile({ tenants }) {
    const test = tenants === undefined ? undefined : compilePatterns(tenants);
    return {
      span: NEEDS_NO_TEXT,
      neverAsks: true,
      check({ tenant }) {
        if (tenant === undefined) return { answer: { answer: "block", reason: "the call names no tenant" } };
        if (test === undefined || test.matches(tenant)) return undefined;
        return {
          answer: { answer: "block", reason: `tenant "${tenant}" is not one of the required tenants` },
        };
      },
    };
  },
});
