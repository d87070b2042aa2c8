#!lua
-- Claim unique values for a write before it is accepted: all of those that are of this partition, or none.
--
-- KEYS  1 the newest version at which a value was released, then the hashes of the claims
-- ARGV  1 key prefix, 2 lease (s), 3 entity_id, 4 operation_id, then per value: name of the claims, key
-- Returns {version at which a value here was last released, which value another entity's write claims (from 0; -1:
--   none), 1 if the operation claimed none of them before, else 0}

-- include claims.lua

local prefix, entity_id, operation_id = ARGV[1], ARGV[3], ARGV[4]
local until_us = string.format('%.0f', (tonumber(redis.call('TIME')[1]) + tonumber(ARGV[2])) * 1000000)
local released, new = redis.call('GET', KEYS[1]) or '0', 1

for at = 5, #ARGV, 2 do
  local of = claim_of(prefix .. ARGV[at], ARGV[at + 1])
  if of and of ~= entity_id then return {released, (at - 5) / 2, 0} end
end
for at = 5, #ARGV, 2 do
  local hash = prefix .. ARGV[at]
  local _, operations = claim_of(hash, ARGV[at + 1])
  operations = operations or {}
  local found = position(operations, operation_id)
  if found then new = 0 else found = #operations + 1 end
  operations[found], operations[found + 1] = operation_id, until_us
  keep_claim(hash, ARGV[at + 1], entity_id, operations)
end
return {released, -1, new}
