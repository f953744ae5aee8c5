import type { ToolExecutionOptions, ToolSet } from "ai";

/** A user's own wrapper that tries a failed tool again. */
export function retrying(tools: ToolSet, retries: number): ToolSet {
  if (retries === 0) return tools;
  const wrapped = Object.fromEntries(
    Object.entries(tools).map(([name, own]) => {
      const execute = async (input: unknown, options: ToolExecutionOptions<unknown>): Promise<unknown> => {
        for (let attempt = 1; ; attempt++) {
          try {
            // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
            return await own.execute?.(input, options);
          } catch (error) {
            if (attempt > retries) throw error;
          }
        }
      };
      return [name, { ...own, execute }];
    }),
  );
  // The same tools with one function around their own.
  return wrapped as ToolSet;
}
