#!lua
-- Record the Idempotency-Keys of finished writes that the queue never saw, as accept.lua would have done. If the queue
-- has a newer write under a key, the key was reused for that write, and the older write takes its place.
--
-- KEYS  the records and traces of the keys (names.py)
-- ARGV  1 key prefix, 2 lifetime of a key (s), then per write: key_hash body_hash operation_id entity_id version
-- Returns how many records were written.

local prefix, ttl_s = ARGV[1], tonumber(ARGV[2])
local now_us = tonumber(redis.call('TIME')[1]) * 1000000

-- include keys.lua

local new = 0
for at = 3, #ARGV, 5 do
  local record = prefix .. 'key:' .. ARGV[at]
  local known = tonumber(redis.call('HGET', record, 'version') or math.huge)
  if known > tonumber(ARGV[at + 4]) then
    redis.call('DEL', record)
    keep_key(record, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
    redis.call('EXPIRE', record, math.min(KEY_RECORD_S, ttl_s))
    use_key(ARGV[at], ttl_s, now_us)
    new = new + 1
  end
end
return new
