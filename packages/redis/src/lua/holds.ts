/**
 * Lua: what reservations hold. A hold's record: when its time is up, the answer that was given (granted, position, wait,
 * …), its items `{ cell key, amount, taken at, is a call, charged after its time, epoch, shape of the limit }`, and by
 * which attempts it was taken, `t`: one whose answer was lost gives back no more than itself. A call counts at once;
 * amounts are held and count when they are settled.
 */
export const HOLDS_LUA = `
local ITEM = '>ddBBdI4c0I4c0'

local function pack_hold(hold)
  local parts = { struct.pack('>dI2I2', hold.u, #hold.a, #hold.i) }
  for _, number in ipairs(hold.a) do parts[#parts + 1] = struct.pack('>d', number) end
  for _, item in ipairs(hold.i) do
    parts[#parts + 1] = struct.pack(ITEM, item[2], item[3], item[4], item[5], item[6], #item[1], item[1], #item[7], item[7])
  end
  local takers = hold.t or {}
  parts[#parts + 1] = struct.pack('>I2', #takers)
  for _, taker in ipairs(takers) do parts[#parts + 1] = struct.pack('>I2c0', #taker, taker) end
  return table.concat(parts)
end

local function unpack_hold(packed)
  local hold = { a = {}, i = {}, t = {} }
  local takers = 0
  local answers, items, at
  hold.u, answers, items, at = struct.unpack('>dI2I2', packed)
  for position = 1, answers do hold.a[position], at = struct.unpack('>d', packed, at) end
  for position = 1, items do
    local item = {}
    item[2], item[3], item[4], item[5], item[6], item[1], item[7], at = struct.unpack(ITEM, packed, at)
    hold.i[position] = item
  end
  -- What an older version wrote ends here.
  if at <= #packed then takers, at = struct.unpack('>I2', packed, at) end
  for position = 1, takers do hold.t[position], at = struct.unpack('>I2c0', packed, at) end
  return hold
end

local function load_hold(key)
  local packed = redis.call('GET', key)
  local hold = packed and packed ~= '' and unpack_hold(packed)
  -- Redis forgets it at that time too, by a clock that may have stepped back.
  return hold and now < hold.u + LATE_END_MS and hold or nil
end

-- The cells of a hold that were not sent along, for the caller to send them.
local function missing_cells(hold)
  local missing = nil
  for _, item in ipairs(hold.i) do
    if not names[item[1]] then
      missing = missing or { 'cells', now }
      missing[#missing + 1] = item[1]
      missing[#missing + 1] = item[7]
    end
  end
  return missing
end

-- A call that is charged after its time counts before as after: only the others have something to do when it is up.
local function is_queued(item) return item[4] == 0 or item[5] == 0 end

local function member_of(key, item, position)
  if item[4] == 0 then return (item[5] == 1 and 'c' or 'r') .. text(item[2]) .. ':0:0:' .. position .. ':' .. key end
  return 'e' .. text(item[2]) .. ':' .. text(item[3]) .. ':' .. text(item[6]) .. ':' .. position .. ':' .. key
end

local function queue(key, item, position, due)
  local c = names[item[1]]
  c.x, c.dirty = math.max(c.x, due + LATE_END_MS), true
  if not is_queued(item) then return end
  -- A queue that is new has no expiry time yet.
  if c.q == 0 then c.y = 0 end
  c.q = c.q + redis.call('ZADD', c.due, due, member_of(key, item, position))
  c.d = math.min(c.d, due)
end

local function unqueue(key, item, position)
  if not is_queued(item) then return end
  local c = names[item[1]]
  c.q = c.q - redis.call('ZREM', c.due, member_of(key, item, position))
end

local function write_hold(key, hold)
  for position, item in ipairs(hold.i) do queue(key, item, position, hold.u) end
  redis.call('SET', key, pack_hold(hold), 'PXAT', hold.u + LATE_END_MS)
end

local MAX_TAKERS = 16

-- By whom a hold is taken once req.by has taken it too. Whoever is not named, or too many to be, is '': it stays.
local function takers_of(hold)
  local takers = hold and hold.t or {}
  if hold and #takers == 0 then takers = { '' } end
  if not hold or #takers < MAX_TAKERS then takers[#takers + 1] = req.by or '' else takers[1] = '' end
  return takers
end

-- Nobody's attempt gives it back from then on.
local function keep_hold(key, hold)
  hold.t = {}
  redis.call('SET', key, pack_hold(hold), 'KEEPTTL')
end

-- Whether an attempt gives back the whole hold: it alone has taken it. Else it is taken out of those that have.
local function is_last(key, hold, by)
  local left = {}
  for _, taker in ipairs(hold.t) do
    if taker ~= by then left[#left + 1] = taker end
  end
  if #left == #hold.t or #left == 0 then return #left ~= #hold.t end
  hold.t = left
  redis.call('SET', key, pack_hold(hold), 'KEEPTTL')
  return false
end

-- Ends a hold: nothing of it is queued, and nothing refers to it any more.
local function end_hold(key, hold)
  for position, item in ipairs(hold.i) do
    local c = names[item[1]]
    c.r, c.dirty = c.r - 1, true
    unqueue(key, item, position)
  end
  redis.call('DEL', key)
end

local function take_item(c, wanted)
  local amount, is_call = wanted[2], wanted[5]
  if is_call == 1 then use(c, amount, now) else c.h = c.h + amount end
  c.r, c.dirty = c.r + 1, true
  return { c.key, amount, now, is_call, wanted[4], c.e, c.shape }
end

-- What a reset forgot cannot be taken back: it would take away from others.
local function uncount(item, amount, at)
  local c = names[item[1]]
  if c.e == item[6] then unuse(c, amount, at) end
end

local function settle_item(item, actual, expired_at)
  local c, amount, is_call = names[item[1]], item[2], item[4] == 1
  if not is_call and not expired_at then
    c.h = c.h - amount
    use(c, actual, now)
    return
  end
  local counted = amount
  if expired_at and item[5] == 0 then counted = 0 end
  use(c, actual - counted, now)
  if actual < counted then uncount(item, counted - actual, is_call and item[3] or expired_at) end
end

local function release_item(item, expired_at)
  if not expired_at and item[4] == 0 then
    names[item[1]].h = names[item[1]].h - item[2]
  elseif not expired_at or item[5] == 1 then
    uncount(item, item[2], item[4] == 1 and item[3] or expired_at)
  end
end

-- @param actuals by position, false keeps the estimate
local function settle_hold(key, actuals)
  local hold = load_hold(key)
  if not hold then return end
  local expired_at = hold.u <= now and hold.u or nil
  end_hold(key, hold)
  for position, item in ipairs(hold.i) do
    settle_item(item, actuals[position] or item[2], expired_at)
  end
end
`;
