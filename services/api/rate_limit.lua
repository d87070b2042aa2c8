-- GCRA: grant up to `wanted` requests of one client, as many as are available now. The client's key holds the whole
-- state: the time at which the client's allowance is complete again.
-- KEYS: the client's key; ARGV: microseconds in which one request becomes available again, burst, wanted.
-- Returns granted, how many are left, ms until the allowance is complete, ms until one more is available (0: one is).
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most = now + burst * interval -- if nothing is left; a later time means that Redis' clock has gone back since
local stored = tonumber(redis.call('GET', KEYS[1]) or 0) or 0
local whole = math.min(math.max(now, stored), most)

local left = math.floor((burst * interval - (whole - now)) / interval + 1e-6)
local granted = math.max(0, math.min(wanted, left))
if granted > 0 or stored > most then
  whole = whole + granted * interval
  redis.call('SET', KEYS[1], string.format('%.0f', whole), 'PX', math.ceil((whole - now) / 1000) + 1)
end
left = math.max(0, left - granted)
local wait = left > 0 and 0 or whole - now - (burst - 1) * interval
return { granted, left, math.ceil((whole - now) / 1000), math.max(0, math.ceil(wait / 1000)) }
