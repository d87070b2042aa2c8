#!lua flags=allow-oom
-- Take over entries that fell silent, and count that a writer did. The group's own count of deliveries is no evidence of
-- crashes: whoever claims an entry by hand raises it.
--
-- KEYS  1 write stream, 2 how often each entry was taken over
-- ARGV  1 group, 2 consumer, 3 idle (ms), then the entries' ids
-- Returns the entries that were still silent, as XCLAIM does.

local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], unpack(ARGV, 4))
for _, entry in ipairs(claimed) do
  local count = redis.pcall('HINCRBY', KEYS[2], entry[1], 1)
  if type(count) == 'table' then -- somebody has put a key of another type there, or no number
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[2], entry[1], 1)
  end
end
if #claimed > 0 then redis.call('EXPIRE', KEYS[2], 86400) end -- of entries that were deleted by hand nothing else goes
return claimed
