#!lua flags=allow-oom
-- Addresses that dead letters claim: let go of when a letter is discarded, claimed again when it is restored.
--
-- KEYS  1 emails
-- ARGV  per letter: "release" | "reserve", email_key, "user_id operation_id"
-- Returns how many of them changed anything. Somebody else's claim never does.

local emails, changed = KEYS[1], 0
for at = 1, #ARGV, 3 do
  local action, email_key, holder = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if action == 'reserve' then
    changed = changed + redis.call('HSETNX', emails, email_key, holder)
  elseif redis.call('HGET', emails, email_key) == holder then
    changed = changed + redis.call('HDEL', emails, email_key)
  end
end
return changed
