#!lua flags=allow-oom
-- Hold entries for the writer that has them: from now on they are idle for the given time. An entry that another writer
-- has taken over is left to it, because a writer that was frozen does not know what it has lost since.
--
-- KEYS  1 write stream, 2 takeovers (see take_over.lua)
-- ARGV  1 group, 2 the writer's reader, 3 its consumer for claims, 4 idle (ms), 5 deliveries from now on ('' = as many
--       as before), then the entries' ids
-- Returns the ids of the entries that are held.

local stream, takeovers = KEYS[1], KEYS[2]
local group, reader, consumer, idle_ms, deliveries = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local held = {}
for i = 6, #ARGV do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', stream, group, id, id, 1)[1]
  if pending and (pending[2] == reader or pending[2] == consumer) then
    local count = deliveries ~= '' and deliveries or pending[4]
    local claimed = redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', idle_ms, 'RETRYCOUNT', count, 'JUSTID')
    if #claimed > 0 then held[#held + 1] = id end
    if deliveries ~= '' then redis.pcall('HDEL', takeovers, id) end -- an error: a key of another type, made by hand
  end
end
return held
