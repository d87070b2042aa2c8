#!lua flags=allow-oom
-- Charge an entry one failed attempt. Works at maxmemory: the work that makes room must not wait for room.
--
-- KEYS  1 the entry's attempts, 2 the operation, if it has one
-- ARGV  1 the attempt as JSON, 2 the error in words
-- Returns the number of attempts.

local made = redis.call('RPUSH', KEYS[1], ARGV[1])
-- A halted writer tries again and again: the last ones are enough, and more than may be made otherwise.
if made > 100 then redis.call('LPOP', KEYS[1]); made = 100 end
if KEYS[2] then redis.call('HSET', KEYS[2], 'attempts', made, 'error', ARGV[2]) end
return made
