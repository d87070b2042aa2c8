#!lua flags=allow-oom
-- Change claims of unique values of this partition: reserve a value for a dead letter that is sent or restored, unless
-- a write of another entity claims it, or release the value that an operation claims.
--
-- KEYS  1 the newest version at which a value was released, then the hashes of the claims
-- ARGV  1 key prefix, then per value: "release" | "reserve", version, entity_id, operation_id, end of the lease
--       ('' = any), name of the claims, key

-- include claims.lua

local prefix = ARGV[1]
local before = tonumber(redis.call('GET', KEYS[1]) or '0')
local released = before
for at = 2, #ARGV, 7 do
  local act, version, entity_id, operation_id = ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local until_us, hash, key = ARGV[at + 4], prefix .. ARGV[at + 5], ARGV[at + 6]
  local of, operations = claim_of(hash, key)
  local found = of == entity_id and position(operations, operation_id)
  if act == 'reserve' and not found and (not of or of == entity_id) then
    operations = operations or {}
    operations[#operations + 1] = operation_id
    operations[#operations + 1] = '0'
    keep_claim(hash, key, entity_id, operations)
  elseif act == 'release' and found and (until_us == '' or operations[found + 1] == until_us) then
    table.remove(operations, found)
    table.remove(operations, found)
    keep_claim(hash, key, entity_id, operations)
    released = math.max(released, version)
  end
end
if released > before then redis.call('SET', KEYS[1], string.format('%.0f', released)) end
