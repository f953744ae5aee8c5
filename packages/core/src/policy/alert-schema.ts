import * as z from "zod/mini";

import { choiceBy } from "./choice-by.ts";
import { matching } from "./schema-check.ts";

/** What a secret looks like in a policy: the name of an environment variable, never the secret. */
export const secretRefSchema = z.strictObject({
  env: z
    .string()
    .check(
      matching(
        /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
        "must be the name of an environment variable, such as ALERT_KEY",
      ),
    ),
});

/** An absolute `http` or `https` address without credentials in it. */
export const webUrlSchema = z
  .string()
  .check(
    matching(
      /^https?:\/\/[^\s/@?#\\]+(?:[/?#][^\s\\]*)?$/i,
      "must be an http or https address, without a user or password in it",
    ),
  );

/** The address of a webhook is often its password: then it is a reference. */
const addressSchema = z.union([webUrlSchema, secretRefSchema]);

/** Where an alert may go: the log, a signed webhook, or Slack. */
export const alertTargetSchema = choiceBy("channel", [
  z.strictObject({ channel: z.enum(["log"]) }),
  z.strictObject({ channel: z.enum(["webhook"]), url: addressSchema, secret: z.optional(secretRefSchema) }),
  z.strictObject({ channel: z.enum(["slack"]), url: addressSchema }),
]);
