#!lua flags=allow-oom
-- Take dead letters that are now in the table off their stream. Delete their operations too, because the table now
-- holds that state, unless the operation has changed since.
--
-- KEYS  1 dead-letter stream, then the operations
-- ARGV  1 key prefix, 2 group, then per letter: id operation_id ('' = none)
-- Returns the number of entries removed.

local stream, prefix, group = KEYS[1], ARGV[1], ARGV[2]
local gone = 0
for at = 3, #ARGV, 2 do
  local letter_id, operation_id = ARGV[at], ARGV[at + 1]
  if operation_id ~= '' then
    local operation = prefix .. 'op:' .. operation_id
    local known = redis.call('HMGET', operation, 'status', 'letter')
    if known[1] == 'dead_lettered' and known[2] == letter_id then redis.call('DEL', operation) end
  end
  redis.call('XACK', stream, group, letter_id)
  gone = gone + redis.call('XDEL', stream, letter_id)
end
return gone
