#!lua
-- Claim unique values for a write before it is accepted: all of those that are of this partition, or none.
--
-- KEYS  1 the newest version at which a value was released, then the hashes of the claims
-- ARGV  1 key prefix, 2 lease (s), 3 entity_id, 4 operation_id, then per value: name of the claims, key
-- Returns {version at which a value here was last released, which value another entity's write claims (from 0; -1:
--   none), then per value the end of its lease, which no other call was given; '' if the operation claimed it before}

-- include claims.lua

local prefix, entity_id, operation_id = ARGV[1], ARGV[3], ARGV[4]
local time = redis.call('TIME')
local lease_us = (tonumber(time[1]) + tonumber(ARGV[2])) * 1000000 + tonumber(time[2])
local answer = {redis.call('GET', KEYS[1]) or '0', -1}

for at = 5, #ARGV, 2 do
  local of = claim_of(prefix .. ARGV[at], ARGV[at + 1])
  if of and of ~= entity_id then
    answer[2] = (at - 5) / 2
    return answer
  end
end
for at = 5, #ARGV, 2 do
  local hash = prefix .. ARGV[at]
  local _, operations = claim_of(hash, ARGV[at + 1])
  operations = operations or {}
  local found = position(operations, operation_id)
  -- Who claims again takes the claim over: nobody else releases it by the end of an earlier lease.
  local until_us = string.format('%.0f', math.max(lease_us, found and tonumber(operations[found + 1]) + 1 or 0))
  answer[#answer + 1] = found and '' or until_us
  found = found or #operations + 1
  operations[found], operations[found + 1] = operation_id, until_us
  keep_claim(hash, ARGV[at + 1], entity_id, operations)
end
return answer
