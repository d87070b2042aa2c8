#!lua flags=no-writes
-- Look which entries are still on a stream, without returning their fields, which may be large.
--
-- KEYS  1 stream
-- ARGV  entry ids
-- Returns per entry: 1 if it is on the stream, else 0.

local answers = {}
for i = 1, #ARGV do answers[i] = #redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i]) end
return answers
