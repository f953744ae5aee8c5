/** Lua: takes a request's limits under the id of its hold, all or none. */
export const RESERVE_LUA = `
-- Answers which cells of an earlier hold were not sent along, or what the request comes to. Where it is to be plain, a
-- soft limit that would be exceeded takes nothing either.
local function reserve(key, is_plain)
  local earlier = load_hold(key)
  local is_same = earlier and earlier.u > now and is_same_request(earlier)
  if is_same then
    if is_plain and #earlier.a > 1 then return nil, earlier.a end
    earlier.u = now + req.ttl_ms
    earlier.t = takers_of(earlier)
    write_hold(key, earlier)
    return nil, earlier.a
  end
  local missing = earlier and missing_cells(earlier)
  if missing then return missing, nil end
  local expired_at = earlier and earlier.u <= now and earlier.u or nil
  local kept, is_taken, restore = {}, {}, nil
  if earlier then
    kept, is_taken = kept_calls(earlier, expired_at)
    restore = lift(earlier, expired_at)
  end
  local given = judge(kept)
  if given[1] == 0 or (is_plain and #given > 1) then
    if restore then restore() end
    return nil, given
  end
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
  if #items > 0 then write_hold(key, { u = now + req.ttl_ms, a = given, i = items, t = takers_of(earlier) }) end
  return nil, given
end
`;
