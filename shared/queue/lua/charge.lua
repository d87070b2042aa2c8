#!lua flags=allow-oom
-- Charge an entry one failed attempt, if it is still on the stream: its attempts are deleted when it leaves. Works at
-- maxmemory: the work that frees memory must not wait for memory.
--
-- The writer survived the attempt, so earlier takeovers of the entry are no evidence of crashes any more.
--
-- KEYS  1 write stream, 2 the entry's attempts, 3 takeovers (see take_over.lua), 4 the operation, if it has one
-- ARGV  1 the entry's id, 2 the attempt as JSON, 3 the error as a text
-- Returns the number of attempts; 0 if another writer has settled the entry.

if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
local made = redis.pcall('RPUSH', KEYS[2], ARGV[2])
if type(made) == 'table' then -- a key of another type, made by hand, which would block the whole batch
  redis.call('DEL', KEYS[2])
  made = redis.call('RPUSH', KEYS[2], ARGV[2])
end
-- A halted writer retries without limit: keep only the last attempts, more than a writer makes otherwise.
if made > 100 then redis.call('LPOP', KEYS[2]); made = 100 end
redis.pcall('HDEL', KEYS[3], ARGV[1])
if KEYS[4] then redis.pcall('HSET', KEYS[4], 'attempts', made, 'error', ARGV[3]) end
return made
