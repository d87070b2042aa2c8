#!lua flags=allow-oom
-- Release the unique values that dead letters claim when the letters are discarded, or claim them again when the
-- letters are restored. A value that another write claims stays as it is.
--
-- KEYS  the hashes of the claims
-- ARGV  1 key prefix, then per letter: "release" | "reserve", holder, the letter's claims (see entities.lua)

local prefix = ARGV[1]

-- include entities.lua

local at = 2
while at <= #ARGV do
  local claims, next = claims_at(at + 2)
  local act = ARGV[at] == 'reserve' and reserve or release
  act(claims, ARGV[at + 1])
  at = next
end
