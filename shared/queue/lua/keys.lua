-- Included by other scripts, below the definition of `prefix`. Idempotency-Keys: the record of a key until soon after
-- its operation is over, and for the key's whole lifetime a trace that it was used. If there is only the trace, the
-- database is asked which operation used the key.

-- How long a record stays after its operation is over (s): longer than a client usually retries.
local KEY_RECORD_S = 300

-- A trace is one bit per key, in bitmaps that are created on first use. The two halves of a bitmap serve the current
-- and the last lifetime in turn, and the current lifetime's number is at the end. If two keys share a bit, the only
-- cost is a query to the database: with 100 keys a second, for one new key in 15. A failure here must not fail a
-- write; its key is then reported as unsure.
local BITS = 32000
local NUMBER_AT = tostring(2 * BITS)

-- Write a key's record. `more`: further fields and values.
local function keep_key(record, body_hash, operation_id, entity_id, version, more)
  redis.call('HSET', record, 'body', body_hash, 'operation', operation_id, 'entity', entity_id, 'user', entity_id,
    'version', version, unpack(more or {}))
end

-- Let a key's record expire soon, because its operation is over and the database knows it.
local function key_ended(key_hash)
  if key_hash ~= '' then redis.pcall('EXPIRE', prefix .. 'key:' .. key_hash, KEY_RECORD_S, 'LT') end
end

-- Leave the trace of a key that is used now. Returns whether the key may have had a trace before.
local function use_key(key_hash, lifetime_s, now_us)
  local lifetime, name = math.floor(now_us / 1000000 / lifetime_s), prefix .. 'keys_used:' .. string.sub(key_hash, 1, 3)
  local bit = (tonumber(string.sub(key_hash, 4, 9), 16) or 0) % BITS
  local function mark()
    local half = lifetime % 2 * BITS
    return redis.pcall('BITFIELD', name, 'SET', 'u32', NUMBER_AT, lifetime,
      'SET', 'u1', half + bit, 1, 'GET', 'u1', BITS - half + bit)
  end
  local old = mark()
  if old.err then return true end
  local was = old[1]
  if was == lifetime then return old[2] == 1 or old[3] == 1 end
  if was > lifetime then -- the clock was set back, or the lifetime of keys was raised
    lifetime = was
    mark()
    return true
  end
  -- The first key of a new lifetime: one half of the bitmap is outdated, or both are.
  local next_one = was == lifetime - 1
  local at, size = next_one and lifetime % 2 * BITS / 8 or 0, next_one and BITS / 8 or BITS / 4
  local cleared = redis.pcall('SETRANGE', name, at, string.rep('\0', size))
  mark()
  redis.pcall('EXPIRE', name, 2 * lifetime_s)
  return type(cleared) == 'table' or (next_one and old[3] == 1)
end
