import type { Plan } from "./plan.ts";

/** Whom and what a plan is for. */
export interface PlanNames {
  readonly hookpoint: string;
  readonly tenant: string;
  readonly tool: string;
  readonly agent: string;
}

/** The numbers of one place: of the hookpoint, the tenant, the tool and the agent. */
const NUMBERS = 4;
const FIRST_CAPACITY = 64;
/** How many plans are shown for others to be compared with. */
const MAX_BESIDES = 8;
/** Numbers start at 1, so that 0 is an empty place. */
const EMPTY = 0;

/**
 * Plans by four names: every name has a number, and four numbers are looked up in one table by open addressing. The names
 * are few and stay in the processor's cache, however many plans there are; of a plan's own place one line is fetched.
 */
export class PlanTable {
  readonly #numbers = new Map<string, number>();
  #keys = new Int32Array(FIRST_CAPACITY * NUMBERS);
  #plans: (Plan | undefined)[] = emptyPlaces(FIRST_CAPACITY);
  /** The first plans that differ for the agents of one (hookpoint, tenant, tool). */
  readonly #besides = new Map<string, Plan[]>();
  #size = 0;
  /** The hookpoint that was asked about last, mostly the next one too. */
  #hookpoint: string | undefined;
  #hookpointNumber = EMPTY;

  get size(): number {
    return this.#size;
  }

  /** O(1); nothing is remembered by asking. */
  find({ hookpoint, tenant, tool, agent }: PlanNames): Plan | undefined {
    const numbers = this.#numbers;
    const first = hookpoint === this.#hookpoint ? this.#hookpointNumber : numbers.get(hookpoint);
    const second = numbers.get(tenant);
    const third = numbers.get(tool);
    const fourth = numbers.get(agent);
    if (first === undefined || second === undefined || third === undefined || fourth === undefined)
      return undefined;
    this.#hookpoint = hookpoint;
    this.#hookpointNumber = first;
    return this.#plans[this.#placeOf(first, second, third, fourth)];
  }

  /** The first plans of other agents with the same tool, tenant and hookpoint. */
  besides(names: PlanNames): readonly Plan[] {
    return this.#besides.get(this.#groupOf(names)) ?? NO_PLANS;
  }

  /** Files a plan; the names must not be known yet. */
  add(names: PlanNames, plan: Plan): void {
    if (2 * (this.#size + 1) > this.#plans.length) this.#grow();
    const { hookpoint, tenant, tool, agent } = names;
    this.#put([this.#number(hookpoint), this.#number(tenant), this.#number(tool), this.#number(agent)], plan);
    this.#size++;
    const group = this.#groupOf(names);
    const known = this.#besides.get(group);
    if (known === undefined) this.#besides.set(group, [plan]);
    else if (known.length < MAX_BESIDES && !known.includes(plan)) known.push(plan);
  }

  #number(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#numbers.set(name, number);
    return number;
  }

  #groupOf({ hookpoint, tenant, tool }: PlanNames): string {
    return `${this.#number(hookpoint)} ${this.#number(tenant)} ${this.#number(tool)}`;
  }

  /** Where four numbers stand, or the empty place where they would. */
  #placeOf(first: number, second: number, third: number, fourth: number): number {
    const keys = this.#keys;
    const mask = this.#plans.length - 1;
    let place = mixed(first, second, third, fourth) & mask;
    for (;;) {
      const at = place * NUMBERS;
      if (keys[at] === EMPTY) return place;
      if (keys[at] === first && keys[at + 1] === second && keys[at + 2] === third && keys[at + 3] === fourth)
        return place;
      place = (place + 1) & mask;
    }
  }

  #put(numbers: readonly [number, number, number, number], plan: Plan): void {
    const place = this.#placeOf(...numbers);
    this.#keys.set(numbers, place * NUMBERS);
    this.#plans[place] = plan;
  }

  #grow(): void {
    const keys = this.#keys;
    const plans = this.#plans;
    this.#keys = new Int32Array(2 * keys.length);
    this.#plans = emptyPlaces(2 * plans.length);
    for (let place = 0; place < plans.length; place++) {
      const plan = plans[place];
      if (plan === undefined) continue;
      const at = place * NUMBERS;
      this.#put([keys[at]!, keys[at + 1]!, keys[at + 2]!, keys[at + 3]!], plan);
    }
  }
}

const NO_PLANS: readonly Plan[] = Object.freeze([]);

function emptyPlaces(count: number): (Plan | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}

/** Multiplication by odd constants and a fold of the high bits, as MurmurHash3 finishes (fmix32). */
function mixed(first: number, second: number, third: number, fourth: number): number {
  let mix = Math.imul(first, 0x9e3779b1) ^ Math.imul(second, 0x85ebca6b);
  mix ^= Math.imul(third, 0xc2b2ae35) ^ Math.imul(fourth, 0x27d4eb2f);
  mix = Math.imul(mix ^ (mix >>> 16), 0x85ebca6b);
  return (mix ^ (mix >>> 13)) >>> 0;
}
