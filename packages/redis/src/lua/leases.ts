/**
 * Lua: leases, holds of a process instead of a call. `req.ends`: `{ hold position, spent, was in doubt }`. `req.wants`:
 * `{ cell position, hold position, carry, least, most, limit }`; what running calls of the process hold is
 * carried over whatever the headroom, for it was held before. `req.moves`: `{ hold position, time to live, items }`, such
 * running calls as holds of their own, when their process ends, under a name that is used `once`. `req.again`: an earlier
 * sending may still be under way, and must not take anything once this one was answered. Needs the clients' key behind the
 * holds.
 */
export const LEASES_LUA = `
local function hold_key(position) return KEYS[3 * #cells + position] end

-- Processes that took a lease lately, this one included.
local function count_clients()
  local key = KEYS[#KEYS]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  redis.call('ZADD', key, now + req.ttl_ms, req.client)
  redis.call('PEXPIRE', key, req.ttl_ms)
  return redis.call('ZCARD', key)
end

-- Doorman's rule: half of an equal share of the headroom, at most so much; nothing when no call would fit into it.
local function share_of(c, want, clients)
  local headroom = want[6] + granted(c) - c.t - c.h - want[3]
  local share = math.min(want[5], math.floor(headroom / (2 * clients)))
  return share >= math.max(1, want[4]) and share or 0
end

-- Whoever comes to this hold later finds that it is over.
local function close_hold(key) redis.call('SET', key, '', 'PX', LATE_END_MS) end

local function end_lease(ended)
  local key = hold_key(ended[1])
  settle_hold(key, { ended[2] })
  if ended[3] == 1 then close_hold(key) end
end

local function take_lease(want, clients)
  local key, c = hold_key(want[2]), cells[want[1]]
  if redis.call('GET', key) == '' then return 0 end
  local known = load_hold(key)
  -- The same request again, whose answer was lost. Also when its time is up by now: what was charged is reported later.
  if known then return known.i[1][2] - want[3] end
  local share = share_of(c, want, clients)
  local amount = want[3] + share
  if amount > 0 then
    c.h, c.r, c.dirty = c.h + amount, c.r + 1, true
    write_hold(key, { u = now + req.ttl_ms, a = { 1 }, i = { { c.key, amount, now, 0, 1, c.e, c.shape } } })
  elseif req.again then
    close_hold(key)
  end
  return share
end

-- A running call whose process ends: what was held by a lease is held by the call, to be ended by whoever goes on.
local function move_hold(move)
  local key, items = hold_key(move[1]), {}
  for position, wanted in ipairs(move[3]) do items[position] = take_item(cells[wanted[1]], wanted) end
  write_hold(key, { u = now + move[2], a = { 1 }, i = items })
end

-- Once: told again, they may have ended meanwhile, and must not be held again. One that was asked for again before it was
-- moved is held by that attempt alone: it must not be given back with the attempt.
local function move_holds()
  if #req.moves == 0 or not redis.call('SET', hold_key(req.once), '', 'NX', 'PX', LATE_END_MS) then return end
  for _, move in ipairs(req.moves) do
    local key = hold_key(move[1])
    local there = load_hold(key)
    if there then keep_hold(key, there) else move_hold(move) end
  end
end
`;
