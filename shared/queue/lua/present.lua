#!lua flags=no-writes
-- Which entries are still on a stream; their fields, which may be large, stay in Redis.
--
-- KEYS  1 stream
-- ARGV  entry ids
-- Returns per entry: 1 | 0.

local answers = {}
for i = 1, #ARGV do answers[i] = #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) end
return answers
