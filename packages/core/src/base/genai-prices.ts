import { requireMembers } from "./argument.ts";
import { AgentplaneError } from "./errors.ts";
import type { PriceTable, Usage } from "./model-costs.ts";

/** What is used of `@pydantic/genai-prices` (0.1): described here so that the package stays an optional peer. */
export interface GenaiPricesApi {
  calcPrice(
    usage: {
      input_tokens?: number;
      output_tokens?: number;
      cache_read_tokens?: number;
      cache_write_tokens?: number;
    },
    modelId: string,
    options?: { providerId?: string },
  ): { readonly total_price: number } | null;
}

/** A price of your own, in US dollars per million tokens; it goes before the table's. */
export interface PriceOverride {
  readonly inputUsdPerMillion: number;
  readonly outputUsdPerMillion: number;
  /** Default: as input. */
  readonly cacheReadUsdPerMillion?: number;
}

/**
 * Fits the price data of `@pydantic/genai-prices` to the price port.
 * @param api The module, imported by the user.
 * @param overrides Your own prices by model name; needed for models the data does not know, `0` for free ones.
 * @throws AgentplaneError `usage_invalid` for an override that is not a price
 * @example createAgentPlane({ prices: genaiPrices(await import("@pydantic/genai-prices")) });
 */
export function genaiPrices(
  api: GenaiPricesApi,
  overrides: Readonly<Record<string, PriceOverride>> = {},
): PriceTable {
  const own = new Map(Object.entries(overrides));
  for (const [model, price] of own) requirePrice(model, price);
  return {
    costMicroUsd({ provider, name }, usage) {
      const override = own.get(name);
      if (override !== undefined) return overrideCost(override, usage);
      const price = api.calcPrice(
        {
          input_tokens: usage.inputTokens ?? 0,
          output_tokens: usage.outputTokens ?? 0,
          cache_read_tokens: usage.cacheReadTokens ?? 0,
          cache_write_tokens: usage.cacheWriteTokens ?? 0,
        },
        name,
        provider === undefined ? {} : { providerId: provider },
      );
      return price === null ? undefined : roundUp(price.total_price * 1_000_000);
    },
  };
}

function overrideCost(price: PriceOverride, usage: Usage): number {
  const cached = usage.cacheReadTokens ?? 0;
  // Providers count cached tokens among the input; a report that contradicts itself must not lower the cost.
  const fresh = Math.max(0, (usage.inputTokens ?? 0) - cached);
  const cachedPrice = price.cacheReadUsdPerMillion ?? price.inputUsdPerMillion;
  // Dollars per million tokens are micro-dollars per token.
  return roundUp(
    fresh * price.inputUsdPerMillion +
      cached * cachedPrice +
      (usage.outputTokens ?? 0) * price.outputUsdPerMillion,
  );
}

/** Up to whole micro-dollars, but not because of a floating-point remainder. */
function roundUp(microUsd: number): number {
  return Math.ceil(Number(microUsd.toFixed(6)));
}

const PRICES = [
  "inputUsdPerMillion",
  "outputUsdPerMillion",
  "cacheReadUsdPerMillion",
] as const satisfies readonly (keyof PriceOverride)[];

function requirePrice(model: string, price: PriceOverride): void {
  requireMembers(`the price of model ${model}`, price, PRICES);
  for (const [field, value] of Object.entries(price)) {
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) continue;
    throw new AgentplaneError(
      "usage_invalid",
      `the price ${field} of model "${model}" must be a number from 0`,
    );
  }
}
