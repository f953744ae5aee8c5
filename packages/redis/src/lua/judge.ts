/**
 * Lua: whether a request fits. An item of a request is
 * `{ cell position, amount, is soft, charged after its time, is a call, limit }`.
 */
export const JUDGE_LUA = `
-- Whether an item exceeds its limit; then also until when, -1 for never by time alone.
local function exceeds(position)
  local item = req.items[position]
  local c, amount, pending = cells[item[1]], item[2], 0
  for before = 1, position - 1 do
    if req.items[before][1] == item[1] then pending = pending + req.items[before][2] end
  end
  local missing = c.t + c.h + (c.p or 0) + pending + amount - item[6] - granted(c)
  -- Nothing asked for is never refused, not even while there is debt.
  if missing <= 0 or amount == 0 then return nil end
  return missing > c.t and -1 or free_after(c, missing)
end

-- The answer as the caller reads it: 1 or 0 for granted, then position (from 0) and wait of every exceeded limit.
local function judge(kept)
  local answer = { 1 }
  for position, item in ipairs(req.items) do
    local wait = not kept[position] and exceeds(position)
    if wait then
      answer[#answer + 1] = position - 1
      answer[#answer + 1] = wait
      if item[3] == 0 then answer[1] = 0 end
    end
  end
  return answer
end

-- What each of several requests would be answered after those before it; nothing is taken. Answers 1 for one that fits, 0
-- for one that cannot be judged so, for it may go on with what it took earlier; and whether any that is to be taken is
-- not among those that fit. Meanwhile \`p\` of a cell is what the others want of it.
local function judge_all(ops, first)
  local answers, is_refused = {}, false
  for at, op in ipairs(ops) do
    req.items = op.items
    local given = load_hold(KEYS[first + at]) and { 0 } or judge({})
    if given[1] == 1 and #given == 1 then
      answers[at] = 1
      for _, item in ipairs(op.is_probe and {} or op.items) do
        cells[item[1]].p = (cells[item[1]].p or 0) + item[2]
      end
    else
      answers[at] = #given == 1 and 0 or given
      is_refused = is_refused or not op.is_probe
    end
  end
  for _, c in ipairs(cells) do c.p = nil end
  return answers, is_refused
end

local function is_for(wanted, item)
  return wanted and cells[wanted[1]].key == item[1] and wanted[2] == item[2]
end

local function is_same_request(hold)
  if #hold.i ~= #req.items then return false end
  for position, item in ipairs(hold.i) do
    if not is_for(req.items[position], item) then return false end
  end
  return true
end

-- The calls of an earlier hold that still count for the same call made again: it is not counted twice.
local function kept_calls(hold, expired_at)
  local kept, is_taken = {}, {}
  for position, wanted in ipairs(req.items) do
    for earlier, item in ipairs(hold.i) do
      local counts = item[4] == 1 and item[6] == names[item[1]].e and (not expired_at or item[5] == 1)
      if not is_taken[earlier] and counts and is_for(wanted, item) then
        kept[position], is_taken[earlier] = item, true
        break
      end
    end
  end
  return kept, is_taken
end

-- Lifts the amounts of an earlier hold, so that the request is judged without them; answers what puts them back.
local function lift(hold, expired_at)
  local undo = {}
  for _, item in ipairs(hold.i) do
    local c, amount = names[item[1]], item[2]
    if item[4] == 0 and not expired_at then
      c.h = c.h - amount
      undo[#undo + 1] = function() c.h = c.h + amount end
    elseif item[4] == 0 and item[5] == 1 and item[6] == c.e then
      local before = c.t
      unuse(c, amount, expired_at)
      local lifted = before - c.t
      undo[#undo + 1] = function() use(c, lifted, expired_at) end
    end
  end
  return function() for _, step in ipairs(undo) do step() end end
end

local function reply(answer)
  local full = { 'ok', now }
  for _, number in ipairs(answer) do full[#full + 1] = number end
  return full
end
`;
