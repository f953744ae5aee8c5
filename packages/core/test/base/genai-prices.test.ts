import * as api from "@pydantic/genai-prices";
import { describe, expect, test } from "vitest";

import { genaiPrices } from "../../src/base/genai-prices.ts";

describe("genaiPrices", () => {
  test("prices a known model in whole micro-dollars, cached input cheaper", () => {
    const prices = genaiPrices(api);
    const model = { provider: "openai", name: "gpt-4o-mini" };
    const full = prices.costMicroUsd(model, { inputTokens: 1_000_000, outputTokens: 0 });
    const cached = prices.costMicroUsd(model, {
      inputTokens: 1_000_000,
      outputTokens: 0,
      cacheReadTokens: 1_000_000,
    });
    expect(full).toBe(150_000);
    expect(Number.isInteger(cached)).toBe(true);
    expect(cached).toBeLessThan(150_000);
  });

  test("does not know an unknown model, so that the policy decides and never 0 does", () => {
    expect(genaiPrices(api).costMicroUsd({ name: "no-such-model-xyz" }, { inputTokens: 10 })).toBeUndefined();
  });

  test("puts the user's own price first, and a free model costs 0", () => {
    const prices = genaiPrices(api, {
      "gpt-4o-mini": { inputUsdPerMillion: 1, outputUsdPerMillion: 2, cacheReadUsdPerMillion: 0.5 },
      "local-llama": { inputUsdPerMillion: 0, outputUsdPerMillion: 0 },
    });
    expect(
      prices.costMicroUsd(
        { name: "gpt-4o-mini" },
        { inputTokens: 100, cacheReadTokens: 40, outputTokens: 10 },
      ),
    ).toBe(60 + 20 + 20);
    expect(prices.costMicroUsd({ name: "local-llama" }, { inputTokens: 5_000, outputTokens: 5_000 })).toBe(0);
  });

  test("rounds a part of a micro-dollar up", () => {
    const prices = genaiPrices(api, { m: { inputUsdPerMillion: 0.1, outputUsdPerMillion: 0 } });
    expect(prices.costMicroUsd({ name: "m" }, { inputTokens: 1 })).toBe(1);
    expect(prices.costMicroUsd({ name: "m" }, { inputTokens: 30 })).toBe(3);
  });

  test("refuses an override that is not a price", () => {
    expect(() => genaiPrices(api, { m: { inputUsdPerMillion: Number.NaN, outputUsdPerMillion: 1 } })).toThrow(
      /inputUsdPerMillion of model "m" must be a number from 0/,
    );
  });
});
