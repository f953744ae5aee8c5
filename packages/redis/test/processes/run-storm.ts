/* oxlint-disable no-await-in-loop -- one round after the other */
import { REDIS_URL } from "../redis-url.ts";
import { runStormRound, type StormOptions } from "../storm-round.ts";

/** The long form: `npm run storm [rounds]`; fails on the first figure that is not as promised. */
const rounds = Number(process.argv[2] ?? 20);
const HARD: StormOptions = { url: REDIS_URL, processes: 8, callers: 125, limit: 100_000, kills: 2 };
const LEASED: StormOptions = { ...HARD, limit: 200_000, lease: { max: 500, ttlMs: 1_000 } };

console.log("| round | form | settled calls | peak of limit | used | really used | utilisation |");
console.log("|---|---|---|---|---|---|---|");
for (let round = 1; round <= rounds; round++) {
  for (const [form, options] of [
    ["exact", HARD],
    ["leased", LEASED],
  ] as const) {
    const { limit, peak, used, held, late, settled, utilisation, calls } = await runStormRound(options);
    const share = `${((100 * peak) / limit).toFixed(2)} %`;
    const percent = `${(100 * utilisation).toFixed(2)} %`;
    console.log(`| ${round} | ${form} | ${calls} | ${share} | ${used} | ${settled} | ${percent} |`);
    const isExact = form === "leased" ? settled <= used : settled === used;
    if (peak > limit + late || held !== 0 || !isExact || utilisation < 0.95) {
      console.error(
        `FAILED: overspent ${Math.max(0, peak - limit - late)}, still held ${held}, exact ${String(isExact)}`,
      );
      process.exit(1);
    }
  }
}
