#!lua
-- Put copies into the cache, never an older one over a newer one. What is there and is no copy of the same form (another
-- build's, or anything) gives way, as does a copy of the same state from the future: the clock has stepped back since.
--
-- KEYS  one per copy
-- ARGV  per copy: value (a JSON array that begins with form, order, as_of; see form.py) and lifetime (ms); then now (s)
-- Returns how many were taken.

local function read(value)
  local ok, copy = pcall(cjson.decode, value)
  if ok and type(copy) == 'table' and type(copy[2]) == 'table' and type(copy[3]) == 'number' then return copy end
end

local function is_later(one, other)
  for i, value in ipairs(other[2]) do
    local mine = one[2][i]
    if type(mine) ~= 'number' then return false end
    if mine ~= value then return mine > value end
  end
  return one[3] > other[3] and one[3] <= tonumber(ARGV[#ARGV])
end

local taken = 0
for i, key in ipairs(KEYS) do
  local value, lifetime_ms = ARGV[2 * i - 1], ARGV[2 * i]
  local there = redis.pcall('GET', key)
  local old = type(there) == 'string' and read(there)
  local new = old and read(value)
  if not old or old[1] ~= new[1] or not is_later(old, new) then
    redis.call('SET', key, value, 'PX', lifetime_ms)
    taken = taken + 1
  end
end
return taken
