import { createScript } from "../script.ts";
import { CELLS_LUA } from "./cells.ts";
import { HOLDS_LUA } from "./holds.ts";
import { JUDGE_LUA } from "./judge.ts";
import { LEASES_LUA } from "./leases.ts";
import { WINDOWS_LUA } from "./windows.ts";

const ACCOUNTS = WINDOWS_LUA + CELLS_LUA;
/** Loads the cells; answers early when something is missing. */
const LOADED = "local missing = load_cells()\nif missing then return missing end\n";
const HELD = ACCOUNTS + HOLDS_LUA;

/** `KEYS`: three per cell, the hold. All limits of a call, all or none. */
export const RESERVE = createScript(`${HELD}${JUDGE_LUA}${LOADED}
local key = KEYS[3 * #cells + 1]
local earlier = load_hold(key)
local is_same = earlier and earlier.u > now and is_same_request(earlier)
if earlier and not is_same then
  missing = missing_cells(earlier)
  if missing then return missing end
end
if is_same then
  earlier.u = now + req.ttl_ms
  write_hold(key, earlier)
  save_cells()
  return reply(earlier.a)
end
local expired_at = earlier and earlier.u <= now and earlier.u or nil
local kept, is_taken, restore = {}, {}, nil
if earlier then
  kept, is_taken = kept_calls(earlier, expired_at)
  restore = lift(earlier, expired_at)
end
local given = judge(kept)
if given[1] == 0 then
  if restore then restore() end
else
  if earlier then
    end_hold(key, earlier)
    for position, item in ipairs(earlier.i) do
      if is_taken[position] then
        names[item[1]].r = names[item[1]].r + 1
      elseif item[4] == 1 then
        release_item(item, expired_at)
      end
    end
  end
  local items = {}
  for position, wanted in ipairs(req.items) do
    items[position] = kept[position] or take_item(cells[wanted[1]], wanted)
  end
  if #items > 0 then write_hold(key, { u = now + req.ttl_ms, a = given, i = items }) end
end
save_cells()
return reply(given)
`);

/** `KEYS` as for `RESERVE`: what it would answer. Writes only what time alone has changed. */
export const PROBE = createScript(`${HELD}${JUDGE_LUA}${LOADED}
save_cells()
local earlier = load_hold(KEYS[3 * #cells + 1])
if not earlier then return reply(judge({})) end
if earlier.u > now and is_same_request(earlier) then return reply(earlier.a) end
missing = missing_cells(earlier)
if missing then return missing end
local expired_at = earlier.u <= now and earlier.u or nil
local kept = kept_calls(earlier, expired_at)
lift(earlier, expired_at)
return reply(judge(kept))
`);

/** `KEYS`: three per cell, the hold. Ends a hold with what was really used, `req.actuals`, or gives it back. */
export const END = createScript(`${HELD}${LOADED}
local key = KEYS[3 * #cells + 1]
local hold = load_hold(key)
if hold then
  missing = missing_cells(hold)
  if missing then return missing end
  if req.actuals then
    settle_hold(key, req.actuals)
  else
    local expired_at = hold.u <= now and hold.u or nil
    end_hold(key, hold)
    for _, item in ipairs(hold.i) do release_item(item, expired_at) end
  end
end
save_cells()
return { 'ok', now }
`);

/** `KEYS` as for `END`. After its time the room may be another's: a late renewal revives nothing. */
export const RENEW = createScript(`${HELD}${LOADED}
local key = KEYS[3 * #cells + 1]
local hold = load_hold(key)
if hold and hold.u > now then
  missing = missing_cells(hold)
  if missing then return missing end
  hold.u = now + req.ttl_ms
  write_hold(key, hold)
end
save_cells()
return { 'ok', now }
`);

/** `KEYS`: three of one cell. Answers used, held and what is granted on top of the limit. */
export const READ = createScript(`${ACCOUNTS}${LOADED}
save_cells()
return { 'ok', now, cells[1].t, cells[1].h, granted(cells[1]) }
`);

/** `KEYS`: three of one cell. Raises its limit by `req.amount` for the current window. */
export const GRANT = createScript(`${ACCOUNTS}${LOADED}
local c = cells[1]
local until_ms = NEVER
if c.k == 'calendar' then until_ms = c.z elseif c.k ~= 'lifetime' then until_ms = now + c.w end
c.g[#c.g + 1], c.g[#c.g + 2] = req.amount, until_ms
c.dirty = true
save_cells()
return { 'ok', now }
`);

/** `KEYS`: three of one cell. Forgets what was used; what is held stays held. */
export const RESET = createScript(`${ACCOUNTS}
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'ok', now } end
-- The period is not advanced: what was used of it goes anyway.
local missing = load_cells()
if missing and missing[1] ~= 'period' then return missing end
cells[1].now = now
sweep(cells[1])
clear(cells[1])
save_cells()
return { 'ok', now }
`);

/** `KEYS`: three per cell, the holds of leases, the clients. Reports what was spent and takes new leases, in one. */
export const LEASE = createScript(`${HELD}${LEASES_LUA}${LOADED}
for _, ended in ipairs(req.ends) do settle_hold(hold_key(ended[1]), { ended[2] }) end
for _, move in ipairs(req.moves) do move_hold(move) end
local clients = #req.wants > 0 and count_clients() or 0
local answer = { 'ok', now }
for _, want in ipairs(req.wants) do answer[#answer + 1] = take_lease(want, clients) end
save_cells()
return answer
`);
