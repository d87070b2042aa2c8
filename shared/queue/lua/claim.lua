#!lua
-- Claim unique values of this partition for writes that are not accepted yet, each value independently.
--
-- KEYS  1 the newest version at which a value was released, then the hashes of the claims
-- ARGV  1 key prefix, 2 lease (s), then per value: entity_id, operation_id, name of the claims, key
-- Returns {highest version at which a value of this partition was released, then per value: "taken" if a write of
--   another entity claims it, '' if the operation had claimed it before, or the end of its lease (us), which is unique
--   to this call}

-- include claims.lua

local prefix, time = ARGV[1], redis.call('TIME')
local lease_us = (tonumber(time[1]) + tonumber(ARGV[2])) * 1000000 + tonumber(time[2])
local answer = {redis.call('GET', KEYS[1]) or '0'}

local function claim(entity_id, operation_id, hash, key)
  local of, operations = claim_of(hash, key)
  if of and of ~= entity_id then return 'taken' end
  operations = operations or {}
  local found = position(operations, operation_id)
  local before = found and tonumber(operations[found + 1])
  -- A repeated claim replaces the lease, so that no holder of the earlier lease's end can release the value.
  local until_us = string.format('%.0f', math.max(lease_us, before and before + 1 or 0))
  found = found or #operations + 1
  operations[found], operations[found + 1] = operation_id, until_us
  keep_claim(hash, key, entity_id, operations)
  return before and '' or until_us
end

for at = 3, #ARGV, 4 do
  answer[#answer + 1] = claim(ARGV[at], ARGV[at + 1], prefix .. ARGV[at + 2], ARGV[at + 3])
end
return answer
