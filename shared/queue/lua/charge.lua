#!lua flags=allow-oom
-- Charge an entry one failed attempt, while it is on the stream: what is kept of it goes when it leaves. Works at
-- maxmemory: the work that makes room must not wait for room.
--
-- KEYS  1 write stream, 2 the entry's attempts, 3 the operation, if it has one
-- ARGV  1 the entry's id, 2 the attempt as JSON, 3 the error in words
-- Returns the number of attempts; 0: another writer has ended the entry.

if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then return 0 end
local made = redis.pcall('RPUSH', KEYS[2], ARGV[2])
if type(made) == 'table' then -- somebody has put a key of another type there, which would hold the whole batch
  redis.call('DEL', KEYS[2])
  made = redis.call('RPUSH', KEYS[2], ARGV[2])
end
-- A halted writer tries again and again: the last ones are enough, and more than may be made otherwise.
if made > 100 then redis.call('LPOP', KEYS[2]); made = 100 end
if KEYS[3] then redis.pcall('HSET', KEYS[3], 'attempts', made, 'error', ARGV[3]) end
return made
