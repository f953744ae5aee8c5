import type { Frame } from "../frame/frame.ts";
import { listOf, recordOf, textOf, type JsonRecord } from "../frame/json.ts";
import { encoded } from "./header-agreement.ts";

/** One argument of a tool's that a header repeats. */
interface Repeated {
  readonly header: string;
  readonly path: readonly string[];
}

/** What a header's name may be made of (RFC 9110, section 5.6.2). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const REPEATABLE = new Set(["string", "integer", "boolean"]);

/**
 * The `Mcp-Param-*` headers of calls: which arguments they repeat, a server says in the schemas of its tools
 * (2026-07-28, Streamable HTTP, "Custom Headers from Tool Parameters").
 */
export class ParamHeaders {
  readonly #ofTool = new Map<string, readonly Repeated[]>();

  /**
   * Learns from a `tools/list` answer.
   * @returns The names of tools whose schema repeats what it may not: they cannot be called over HTTP.
   */
  learn({ message }: Frame): readonly string[] {
    const invalid: string[] = [];
    for (const item of listOf(recordOf(message["result"])?.["tools"])) {
      const tool = recordOf(item) ?? {};
      const name = textOf(tool["name"]);
      if (name === undefined) continue;
      const repeated = repeatedIn(recordOf(tool["inputSchema"]) ?? {});
      const names = new Set(repeated?.map(({ header }) => header));
      if (repeated === undefined || names.size < repeated.length) invalid.push(name);
      else this.#ofTool.set(name, repeated);
    }
    return invalid;
  }

  /** The headers that a call needs. */
  of({ message }: Frame): Record<string, string> {
    if (message["method"] !== "tools/call") return {};
    const params = recordOf(message["params"]);
    const repeated = this.#ofTool.get(textOf(params?.["name"]) ?? "") ?? [];
    const headers = repeated.flatMap(({ header, path }) => {
      let value: unknown = params?.["arguments"];
      for (const member of path) value = recordOf(value)?.[member];
      const isSaid = ["string", "number", "boolean"].includes(typeof value);
      return isSaid ? [[header, encoded(String(value))] as const] : [];
    });
    return Object.fromEntries(headers);
  }
}

/** @returns What is repeated; undefined when the schema asks for what it may not. */
function repeatedIn(schema: JsonRecord, path: readonly string[] = []): readonly Repeated[] | undefined {
  const found: Repeated[] = [];
  const { properties, ...others } = schema;
  // Elsewhere than at a plain path of properties, which value is meant would depend on the values.
  if (asks(others)) return undefined;
  for (const [name, value] of Object.entries(recordOf(properties) ?? {})) {
    const { "x-mcp-header": asked, ...inner } = recordOf(value) ?? {};
    const own = [...path, name];
    if (asked !== undefined) {
      if (typeof asked !== "string" || !TOKEN.test(asked) || !REPEATABLE.has(String(inner["type"])))
        return undefined;
      found.push({ header: `mcp-param-${asked.toLowerCase()}`, path: own });
    }
    const deeper = repeatedIn(inner, own);
    if (deeper === undefined) return undefined;
    found.push(...deeper);
  }
  return found;
}

function asks(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => asks(item));
  const record = recordOf(value);
  return (
    record !== undefined && ("x-mcp-header" in record || Object.values(record).some((inner) => asks(inner)))
  );
}
