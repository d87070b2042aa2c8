#!lua flags=allow-oom
-- Unique values that dead letters claim: released when a letter is discarded, claimed again when it is restored. A value
-- that another write claims stays as it is.
--
-- KEYS  the hashes of the claims
-- ARGV  1 key prefix, then per letter: "release" | "reserve", holder, its claims (see entities.lua)

local prefix = ARGV[1]

-- include entities.lua

local at = 2
while at <= #ARGV do
  local claims, next = claims_at(at + 2)
  local act = ARGV[at] == 'reserve' and reserve or release
  act(claims, ARGV[at + 1])
  at = next
end
