import * as z from "zod/mini";

/**
 * An object whose names are free. Zod's record, and its ways to say as much of an object, would be more in every bundle.
 * @param member What each of its members is.
 */
export function openObject(member: z.core.$ZodType): z.ZodMiniObject {
  return new z.ZodMiniObject({ type: "object", shape: {}, catchall: member });
}
