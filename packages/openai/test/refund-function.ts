/** A function of `runTools` that pays back, and notes what it was given. */
export function refund(seen: unknown[]) {
  return {
    type: "function" as const,
    function: {
      name: "refund",
      description: "Pays back.",
      parameters: { type: "object" },
      parse: JSON.parse,
      function: async (input: object) => {
        seen.push(input);
        return "paid";
      },
    },
  };
}
